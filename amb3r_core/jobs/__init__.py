"""The user's files and options in, a scene out.

The command line and the hosts import it; it imports everything below.
"""
