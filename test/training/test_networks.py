import pytest
import torch
from torch import nn

from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
from illumigan_model.generators.curve_grid import CurveGrid, apply_curves
from illumigan_training.networks import Discriminators, JointBatchNorm2d, Student, enhance, shared_mean


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.rand(2, 3, 48, 80)


def test_curves_are_predicted_from_the_noisy_image_and_applied_to_the_calm_one(images):
    generator = CurveGrid().eval()
    calm = images * 0.9
    made, curves = enhance(generator, images, calm)
    assert torch.equal(curves, generator.predict(images))
    assert torch.equal(made, apply_curves(calm, curves)[0])


def test_attention_unet_makes_an_image_and_no_curves(images):
    generator = AttentionUNet(AttentionUNetConfig(width=2)).eval()
    made, curves = enhance(generator, images, images * 0)
    assert curves is None
    assert torch.equal(made, generator(images)[0])


def test_a_student_changes_its_generator_in_nothing_but_who_shares_the_norm(images):
    generator = AttentionUNet(AttentionUNetConfig(width=2))
    names = list(generator.state_dict())
    expected = generator.train()(images)[0]
    student = Student(generator).train()
    assert list(student.generator.state_dict()) == names
    assert torch.allclose(student(images, images)[0], expected, atol=1e-6)


def test_joint_norm_is_batch_norm_on_one_process(images):
    norm = nn.BatchNorm2d(3).train()
    joint = JointBatchNorm2d(3).train()
    assert torch.equal(norm(images), joint(images))
    assert torch.equal(norm.running_var, joint.running_var)
    assert shared_mean(images) == images.mean()


def test_both_discriminators_score_at_once(images):
    whole, local = Discriminators(4, 3, 2)(images, images[:, :, :32, :32])
    assert whole.shape[:2] == (2, 1)
    assert local.shape[:2] == (2, 1)
    assert whole.shape[2] < images.shape[2] / 4
