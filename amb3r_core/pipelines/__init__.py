"""How views reach a model, and how its answers become one scene: all at once, as a video comes, or as a large set.

Jobs import it; it asks models for capabilities and names none of them.
"""
