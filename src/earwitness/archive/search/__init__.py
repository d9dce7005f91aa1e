"""Search: text becomes tokens here, and the databases do no more than look tokens up, so that both find the same.

`tokens` cuts text, `index` is what the databases keep beside the segments, `query` reads what people type, `find`
answers it. Knows the archive's tables; of what is heard and of doors it knows nothing.
"""
