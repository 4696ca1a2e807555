"""The state of a training; test_trainer.py and test_sharding.py save it and resume from it."""

import torch
from toys import ListSource, Slope, make_trainer

from moeasr import checkpoint


def test_a_new_training_can_resume_before_its_first_save(tmp_path):
    trainer = make_trainer(tmp_path, ListSource([[], []]), Slope(), ListSource([[]]), max_epochs=1)
    state = trainer._state
    assert state.resume(max_epochs=1) is None
    assert not state.has_other_processes
    assert checkpoint.load(tmp_path / "last.pt")["trainer"]["step"] == 0


def test_a_training_with_other_processes_plans_its_steps_anew(tmp_path, caplog):
    """Half of the processes take twice the steps: 2 of 4 steps are done, and 4 remain."""
    epochs = [[[[1.0, 1.0, 1.0]]] * 2] * 2

    def trainer(epochs):
        source = ListSource([[], *epochs])
        dev = ListSource([[]])
        return make_trainer(tmp_path, source, Slope(), dev, max_epochs=len(epochs))

    trainer(epochs[:1]).run()
    content = checkpoint.load(tmp_path / "last.pt")
    content["trainer"]["per_rank"] *= 2
    checkpoint.save(tmp_path / "last.pt", content)
    again = trainer([[[[1.0, 1.0, 1.0]]] * 4] * 2)
    again._resume()
    assert "the number of processes is 1, but was 2" in caplog.text
    assert again._state.has_other_processes
    assert again._total_steps - again._progress.schedule_shift == 2 + 4
    again._state.save_last()
    third = trainer([[[[1.0, 1.0, 1.0]]] * 4] * 2)
    third._resume()
    assert not third._state.has_other_processes
    assert third._total_steps - third._progress.schedule_shift == 2 + 4
    assert torch.equal(third._model.matrix, again._model.matrix)
