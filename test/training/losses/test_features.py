from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from skimage import data

from illumigan_model.errors import ModelError
from illumigan_training.losses.features import FLAVOURS, open_features

CONVOLUTIONS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
CONVOLUTIONS |= {17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512)}
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """Random weights of VGG-16's layers through relu5_1."""
    torch.manual_seed(0)
    weights: State = {}
    for number, (inputs, outputs) in CONVOLUTIONS.items():
        weights[f"{number}.weight"] = torch.randn(outputs, inputs, 3, 3).mul((2 / 9 / inputs) ** 0.5).half()
        weights[f"{number}.bias"] = torch.randn(outputs).mul(0.1).half()
    return weights


@pytest.fixture(scope="module")
def file(state, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "vgg16.pt"
    torch.save({f"features.{key}": tensor for key, tensor in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.from_numpy(data.chelsea()[40:232:3, 40:328:3].copy()).permute(2, 0, 1)[None].float() / 255


def vgg(state: State, x: torch.Tensor, last: int, pools: tuple[int, ...]) -> torch.Tensor:
    """VGG-16 written out: relu(conv) of each layer, a pooling before some."""
    for number in CONVOLUTIONS:
        if number <= last:
            x = F.max_pool2d(x, 2) if number in pools else x
            x = F.relu(F.conv2d(x, state[f"{number}.weight"].float(), state[f"{number}.bias"].float(), padding=1))
    return x


def marked(state: State, flavour: str) -> State:
    """The same weights with the first row by which published ones are known."""
    first = state["0.weight"].clone()
    first[0, 0, 0] = torch.tensor(FLAVOURS[flavour].mark)
    return state | {"0.weight": first}


def test_vgg16_sees_bgr_in_0_to_255_through_relu5_1_as_enlightengan_has_it(state, file, image):
    made = open_features("vgg16", file, flavour="caffe")(image)
    assert made.shape == (1, 512, 8, 12)
    assert torch.allclose(made, vgg(state, image.flip(1) * 255, 24, (5, 10, 17)), rtol=1e-3, atol=0.1)


def test_mean_and_fourth_pooling_are_a_choice(state, file, image):
    made = open_features("vgg16", file, flavour="caffe", mean_subtraction=True, pool4=True)(image)
    centred = image.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    assert made.shape == (1, 512, 4, 6)
    assert torch.allclose(made, vgg(state, centred, 24, (5, 10, 17, 24)), rtol=1e-3, atol=0.1)


def test_the_light_network_sees_the_halved_image_through_relu4_1(state, file, image):
    made = open_features("vgg16_light", file, flavour="caffe")(image)
    assert made.shape == (1, 512, 4, 6)
    halved = (image[:, :, ::2] + image[:, :, 1::2]) / 2
    halved = (halved[:, :, :, ::2] + halved[:, :, :, 1::2]) / 2
    assert torch.allclose(made, vgg(state, halved.flip(1) * 255, 17, (5, 10, 17)), rtol=1e-3, atol=0.1)


def test_torchvision_weights_are_known_and_get_what_they_were_trained_on(state, image, tmp_path):
    weights = marked(state, "torchvision")
    save_file(weights, tmp_path / "vgg16.safetensors")
    made = open_features("vgg16_light", tmp_path / "vgg16.safetensors")(image)
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wanted = vgg(weights, (F.avg_pool2d(image, 2) - mean.view(3, 1, 1)) / spread.view(3, 1, 1), 17, (5, 10, 17))
    assert torch.allclose(made, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("mean_subtraction", [False, True])
def test_caffe_weights_with_rgb_filters_are_known_and_see_the_same(state, image, tmp_path, mean_subtraction):
    weights = marked(state, "caffe")
    weights["0.weight"][0, 2, 0] = torch.tensor(FLAVOURS["caffe_rgb"].mark)
    torch.save(weights, tmp_path / "bgr.pth")
    torch.save(weights | {"0.weight": weights["0.weight"].flip(1)}, tmp_path / "rgb.pth")
    bgr, rgb = (
        open_features("vgg16_light", tmp_path / name, mean_subtraction=mean_subtraction)(image)
        for name in ("bgr.pth", "rgb.pth")
    )
    assert torch.allclose(bgr, rgb, rtol=1e-3, atol=0.1)


def test_fetched_weights_come_from_the_cache_of_torch_hub(state, image, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    names = {"torchvision": "vgg16-397923af.pth", "caffe_rgb": "vgg16_features-amdegroot-88682ab5.pth"}
    for name in names.values():
        torch.save(
            {f"features.{key}": tensor for key, tensor in state.items()}, tmp_path / "hub" / "checkpoints" / name
        )
    by_default, by_name = open_features("vgg16_light"), open_features("vgg16_light", flavour="torchvision")
    assert by_default(image).abs().max() > 10 * by_name(image).abs().max()  # 0..255 in, and not -2..2


def test_the_network_is_frozen_and_of_the_wanted_type(file, image):
    network = open_features("vgg16_light", file, flavour="caffe", dtype=torch.bfloat16)
    assert network(image).dtype == torch.bfloat16
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_errors_say_what_to_do(file, state, tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="no feature network 'vgg19'; choose one of vgg16, vgg16_light"):
        open_features("vgg19", file)
    with pytest.raises(ModelError, match="flavour 'keras'; choose one of caffe, caffe_rgb, torchvision"):
        open_features("vgg16", file, flavour="keras")
    with pytest.raises(ModelError, match=r"none\.pt is missing; name a file"):
        open_features("vgg16", tmp_path / "none.pt")
    with pytest.raises(ModelError, match=r"vgg16\.pt are not known; say their flavour"):
        open_features("vgg16", file)
    with pytest.raises(ModelError, match="caffe cannot be fetched; name a file"):
        open_features("vgg16", flavour="caffe")
    monkeypatch.setenv("TORCH_HOME", str(file))
    with pytest.raises(ModelError, match=r"88682ab5\.pth could not be fetched .*; name a file"):
        open_features("vgg16")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_of_something_else_are_named(state, tmp_path, suffix):
    write = save_file if suffix == ".safetensors" else torch.save
    path = tmp_path / f"other{suffix}"
    for content in ({"conv1.weight": torch.zeros(2, 2)}, {"0.weight": torch.zeros(2, 3, 3, 3)}):
        write(content, path)
        with pytest.raises(ModelError, match=f"other{suffix} does not hold the weights of VGG-16"):
            open_features("vgg16", path)
    write({"0.weight": state["0.weight"]}, path)
    with pytest.raises(ModelError, match="does not hold the weights of VGG-16"):
        open_features("vgg16", path, flavour="caffe")
    path.write_bytes(b"not weights")
    with pytest.raises(ModelError, match="does not hold the weights of VGG-16"):
        open_features("vgg16", path)


def test_a_flavour_that_the_weights_are_not_is_refused(state, tmp_path):
    torch.save(marked(state, "torchvision"), tmp_path / "vgg16.pt")
    with pytest.raises(ModelError, match="holds torchvision weights, not caffe; leave the flavour out"):
        open_features("vgg16", tmp_path / "vgg16.pt", flavour="caffe")
