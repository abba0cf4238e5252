"""What the user hands over, read: photos, video, EXIF, masks, cameras and poses.

Models, pipelines and jobs import it; it imports the scene, never a model.
"""
