"""Files and folders that appear whole or not at all, and the work folder of a job that a later run goes on from.

Everything may import it.
"""
