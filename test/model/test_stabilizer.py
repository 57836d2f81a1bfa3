import itertools

import numpy as np

from illumigan_model.stabilizer import Stabilizer, night_share

DARK = np.full((4, 4), 0.1, np.float32)


def test_a_flickering_answer_is_calmed():
    rng = np.random.default_rng(0)
    stabilizer = Stabilizer()
    answers = 0.5 + rng.normal(0, 0.1, (120, 3)).astype(np.float32)
    calm = np.array([stabilizer.smooth(answer, DARK, i / 30) for i, answer in enumerate(answers)])
    assert np.diff(calm, axis=0).std() < 0.2 * np.diff(answers, axis=0).std()
    assert np.abs(calm[30:].mean() - 0.5) < 0.05


def test_a_scene_cut_a_gap_and_a_rewind_start_anew():
    for thumbnail, stamp in ((DARK + 0.5, 0.03), (DARK, 5.0), (DARK, -1.0)):
        stabilizer = Stabilizer()
        stabilizer.smooth(np.zeros(2, np.float32), DARK, 0.0)
        assert (stabilizer.smooth(np.ones(2, np.float32), thumbnail, stamp) == 1).all()


def test_the_next_frame_of_a_calm_scene_follows_slowly():
    stabilizer = Stabilizer()
    stabilizer.smooth(np.zeros(2, np.float32), DARK, 0.0)
    assert (stabilizer.smooth(np.ones(2, np.float32), DARK, 1 / 30) < 0.2).all()


def test_the_gate_fades_from_night_to_day():
    shares = [night_share(luma) for luma in np.linspace(0, 1, 101)]
    assert shares[0] == 1
    assert shares[-1] == 0
    assert all(later <= earlier for earlier, later in itertools.pairwise(shares))
    assert max(np.abs(np.diff(shares))) < 0.2
