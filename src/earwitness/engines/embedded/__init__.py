"""The network of the embedded recogniser, put together anew from the weights that its wheel carries.

The graphs in the wheel do the same sums, but each word passes through nine hundred small operations around forty big
ones, and their 8-bit weights are of the type that most processors multiply more slowly. `weights` reads them,
`graphs` are the two that are needed. Neither knows a clip, a word or a vocabulary.
"""
