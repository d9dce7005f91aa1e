"""How an engine speaks with a server or a program: where it is, how it is asked, and what its answers say.

What a server sends is not trusted: it is measured, validated and held inside the clip before anybody sees it. Knows the
wire of OpenAI's API and no engine.
"""
