"""The compiled Adam against torch's."""

from __future__ import annotations

import pytest
import torch

from backend.kernels.adam import Adam

SIZES = (0, 1, 7, 9, 40000)


def parameters() -> list[torch.nn.Parameter]:
    random = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(size, generator=random)) for size in SIZES]


def train(values: list[torch.nn.Parameter], optimiser: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        random = torch.Generator().manual_seed(step)
        for index, value in enumerate(values):
            gradient = torch.randn(value.shape, generator=random) * 10.0 ** (step % 5 - 4)
            # The last but one learns only now and then.
            value.grad = None if index == 3 and step % 3 else gradient
        optimiser.step()


def groups(values: list[torch.nn.Parameter]) -> list[dict]:
    return [{"params": values[:2], "lr": 1e-2}, {"params": values[2:], "lr": 3e-3}]


def test_parameters_and_moments_are_those_of_torch_to_rounding():
    ours, theirs = parameters(), parameters()
    optimiser, reference = Adam(groups(ours), 1e-15), torch.optim.Adam(groups(theirs), eps=1e-15)
    train(ours, optimiser, range(30))
    train(theirs, reference, range(30))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)
        for key in ("exp_avg", "exp_avg_sq"):  # sums of values of about one, some of which cancel
            assert torch.allclose(optimiser.state[a][key], reference.state[b][key], rtol=1e-5, atol=1e-7)
        assert optimiser.state[a]["step"] == reference.state[b]["step"]
    assert not torch.allclose(ours[4], parameters()[4], atol=1e-2)


def test_a_state_that_is_handed_on_continues_to_the_same_bits():
    whole, halves = parameters(), parameters()
    optimiser = Adam(groups(whole), 1e-15)
    train(whole, optimiser, range(20))
    first = Adam(groups(halves), 1e-15)
    train(halves, first, range(8))
    second = Adam(groups(halves), 1e-15)
    for value in halves:
        second.state[value] = {key: moment.clone() for key, moment in first.state[value].items()}
    train(halves, second, range(8, 20))
    assert all(torch.equal(a, b) for a, b in zip(whole, halves, strict=True))


def test_a_step_raises_the_version_of_what_it_changes():
    values = parameters()
    optimiser = Adam(groups(values), 1e-15)
    before = [value._version for value in values]
    train(values, optimiser, range(1, 2))
    assert [value._version > old for value, old in zip(values, before, strict=True)] == [True, True, True, False, True]


def test_a_closure_is_evaluated_for_its_loss_and_gradients():
    values = parameters()
    optimiser = Adam(groups(values), 1e-15)

    def closure() -> float:
        loss = torch.stack([(value**2).sum() for value in values]).sum()
        for value, gradient in zip(values, torch.autograd.grad(loss, values), strict=True):
            value.grad = gradient
        return loss.item()

    with torch.enable_grad():
        before = closure()
    assert optimiser.step(closure) == pytest.approx(before)
    assert closure() < before


@pytest.mark.kernels
def test_steps_are_the_same_bits_for_any_number_of_threads():
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            values = parameters()
            train(values, Adam(groups(values), 1e-15), range(5))
            results.append(values)
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_steps_that_may_be_wrong_are_those_of_torch():
    ours, theirs = parameters(), parameters()
    optimiser = Adam(groups(ours), 1e-15)
    reference = torch.optim.Adam(groups(theirs), eps=1e-15, fused=True)
    for step in range(12):
        wrong = torch.tensor(float(step % 4 == 1))
        optimiser.found_inf = wrong
        vars(reference)["found_inf"] = wrong
        train(ours, optimiser, range(step, step + 1))
        train(theirs, reference, range(step, step + 1))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)
        assert all(torch.equal(value, reference.state[b][key]) for key, value in optimiser.state[a].items())


def test_a_step_that_is_said_to_be_wrong_changes_nothing_and_does_not_count():
    ours, theirs = parameters(), parameters()
    optimiser, reference = Adam(groups(ours), 1e-15), Adam(groups(theirs), 1e-15)
    for step in range(9):
        optimiser.found_inf = torch.tensor(float(step % 3 == 1))
        train(ours, optimiser, range(step, step + 1))
        reference.found_inf = torch.zeros(())
        if step % 3 != 1:
            train(theirs, reference, range(step, step + 1))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)
        assert all(torch.equal(value, reference.state[b][key]) for key, value in optimiser.state[a].items())
