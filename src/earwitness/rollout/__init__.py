"""What is measured before something is believed: recordings with references, scores, and whole manifests of them."""
