"""What several test rooms share: sounds made on the spot, and a real server on a loopback port."""
