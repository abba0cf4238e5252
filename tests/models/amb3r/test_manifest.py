from amb3r_core.models.amb3r.manifest import published_tensors
from amb3r_core.models.blocks.manifest import TensorSpec


def test_the_manifest_names_every_tensor_of_the_published_checkpoint() -> None:
    tensors = published_tensors()
    assert len(tensors) == 2534
    assert tensors["front_end.model.aggregator.camera_token"] == TensorSpec((1, 2, 1, 1024), "float32")
    assert [name for name, spec in tensors.items() if spec.dtype != "float32"] == ["backend.interp_v2"]
