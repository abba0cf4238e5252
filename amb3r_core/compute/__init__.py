"""What the work runs on: devices, memory, and the tensor steps that more than one model needs.

Models, pipelines and jobs import it; it knows no scene file and no model.
"""
