"""Second part of the training: the text model learns to answer from what the tower sees."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from smolvlm_ros.qa.negation import negate
from smolvlm_ros.qa.prompt import SYSTEM_PROMPT, YES_NO_HINT
from smolvlm_ros.world.training.precision import mixed
from smolvlm_ros.world.training.vlm_batches import Batch, Views
from smolvlm_ros.world.training.vlm_network import Learner
from smolvlm_ros.world.training.vlm_prompts import Packer, Turn, told_logits
from smolvlm_ros.world.training.vlm_questions import (
    CLASSES,
    DESCRIBE,
    UNKNOWN,
    answers,
    caption,
    subjects,
)
from smolvlm_ros.world.training.vlm_sight import SightTask, sight_loss
from smolvlm_ros.world.training.vlm_views import COLOURS

QUESTIONS = 6             # on an image
_NEGATED = 0.4            # of the questions, once the text model can read what the tower sees:
_TURNING = (0.4, 0.55)    # from none to all of them between these shares of the part
_UNDECIDED = 0.15         # chance of what nobody could say, over that of another question
_UNDECIDED_WEIGHT = 0.5
_MAIN = (0.9, 0.5)        # share of the main wording before and after
_PLAIN = 0.1              # without the hint
REHEARSED = 0.4          # of the batches go on teaching the tower alone
_BARE = 0.05              # without the system prompt
_DESCRIBED = 0.4          # of the batches have descriptions, which make sequences longer
_CAPTION_WEIGHT = 0.4     # of a token of a description, over that of an answer
_NEAR = 3.0               # how much likelier a wrong pair is that is wrong by one word only
_MOST_WEIGHT = 6.0


class Asker:
    """Chooses what is asked of each view so that no text has one answer more often.

    A subject is chosen by chance, rarer answers more often; what is left of an imbalance is
    counted once over all views and made up for by weights.
    """

    def __init__(self, views: Views, seed: int = 0) -> None:
        self._subjects = subjects()
        clear, unclear = (value.numpy().astype(np.uint8) for value in views.truth())
        told = answers(clear, unclear)
        self._chance = np.zeros((2, told.shape[1]))
        kinds = [subject.kind for subject in self._subjects]
        for kind, share in (("presence", 0.35), ("colour", 0.4), ("state", 0.25)):
            own = np.array([k == kind for k in kinds])
            for answer in (0, 1):
                count = (told[:, own] == answer).sum(0)
                self._chance[answer, own] = share / (count + 10)
        self._weight = np.ones_like(self._chance)
        chosen = self.choose(told, np.random.default_rng([seed, 41]))
        picked = [np.zeros(told.shape[1]) + 1 for _ in range(2)]
        for row, numbers in enumerate(chosen):
            for number in numbers[told[row, numbers] != UNKNOWN]:
                picked[told[row, number]][number] += 1
        both = picked[0] + picked[1]
        for answer in (0, 1):
            self._weight[answer] = np.minimum(0.5 * both / picked[answer], _MOST_WEIGHT)

    def weight(self, number: int, yes: bool) -> float:
        """Of the loss of an answer, by the subject's number and the answer before negation."""
        return float(self._weight[int(yes), number])

    def choose(self, told: NDArray[np.int8], rng: np.random.Generator,
               undecided: float = 0.0) -> NDArray[np.int64]:
        """QUESTIONS subjects for each row of `answers`, shape (N, QUESTIONS).

        Args:
            told: answers or UNKNOWN.
            rng: source of the choice.
            undecided: chance of a subject of which nothing is known, over that of another one.
        """
        chance = np.where(told == 1, self._chance[1], self._chance[0])
        pairs = told[:, 5:5 + len(CLASSES) * len(COLOURS)].reshape(-1, len(CLASSES), len(COLOURS))
        there = pairs == 1
        near = there.any(1, keepdims=True) | there.any(2, keepdims=True)
        boost = np.where(near & ~there, _NEAR, 1.0).reshape(len(told), -1)
        chance[:, 5:5 + boost.shape[1]] *= boost
        chance = np.where(told == UNKNOWN, undecided * chance + 1e-12, chance)
        keys = np.log(chance) + rng.gumbel(size=chance.shape)
        return np.argpartition(-keys, QUESTIONS, axis=1)[:, :QUESTIONS]

    def turns(self, batch: Batch, rng: np.random.Generator,
              progress: float = 1.0) -> list[list[Turn]]:
        """Questions, and in some batches a description where everything in sight is clear.

        Args:
            batch: with the truth.
            rng: source of the choice.
            progress: share of the part that is over; negations and rare wordings come later, as
                turning an answer round can only be learnt when there is one.
        """
        late = float(np.clip((progress - _TURNING[0]) / (_TURNING[1] - _TURNING[0]), 0, 1))
        described = rng.random() < _DESCRIBED
        clear = batch.clear.cpu().numpy().astype(np.uint8)
        unclear = batch.unclear.cpu().numpy().astype(np.uint8)
        told = answers(clear, unclear)
        made = []
        for row, numbers in enumerate(self.choose(told, rng, _UNDECIDED * late)):
            own = [self._turn(int(number), int(told[row, number]), rng, late)
                   for number in numbers if late or told[row, number] != UNKNOWN]
            if described and not unclear[row].any():
                order = DESCRIBE[int(rng.integers(len(DESCRIBE)))]
                own.append(Turn(order, "", f" {caption(clear[row])}", _CAPTION_WEIGHT))
            made.append(own)
        return made

    def _turn(self, number: int, told: int, rng: np.random.Generator, late: float) -> Turn:
        """A question; what nobody could say is answered by chance, which teaches to be unsure."""
        yes = bool(rng.random() < 0.5) if told == UNKNOWN else bool(told)
        main_share = _MAIN[0] + late * (_MAIN[1] - _MAIN[0])
        question = self._subjects[number].wording(rng, main_share)
        said = yes
        if rng.random() < _NEGATED * late:
            question, said = negate(question), not yes
        hint = "" if rng.random() < _PLAIN else YES_NO_HINT
        return Turn(question, hint, " Yes" if said else " No",
                    _UNDECIDED_WEIGHT if told == UNKNOWN else self.weight(number, yes))


class AnswerTask:
    """The second part, as the training loop wants it.

    Args:
        learner: with a vision tower that knows what it sees.
        views: to learn from.
        tokenizer: of the model.
        device: where the model is.
        batch_size: images.
        frozen_steps: in so many first steps questions teach the text model only.
        steps: of the whole part.
        begun: the model can answer already, so nothing is left out at first.
    """

    def __init__(self, learner: Learner, views: Views, tokenizer: Any, device: torch.device,
                 batch_size: int, frozen_steps: int, steps: int,
                 begun: bool = False) -> None:
        self.model: torch.nn.Module = learner
        self._learner = learner
        self._views, self._device, self._batch_size = views, device, batch_size
        self._packer, self._asker = Packer(tokenizer), Asker(views)
        self._sight = SightTask(learner, views, device, batch_size, steps=0)
        self._frozen_steps, self._steps, self._begun = frozen_steps, steps, begun
        self._answers = [int(tokenizer(t, add_special_tokens=False)["input_ids"][0])
                         for t in (" No", " Yes")]

    def loss(self, step: int, rng: np.random.Generator
             ) -> tuple[torch.Tensor, Mapping[str, float]]:
        """Loss of a batch of images with their questions; see `loop.Task`."""
        if rng.random() < REHEARSED:
            return self._sight.loss(step, rng)
        batch = self._views.batch(self._batch_size, rng, self._device)
        progress = 1.0 if self._begun else step / self._steps
        system_prompt = "" if rng.random() < _BARE else SYSTEM_PROMPT
        turns = self._asker.turns(batch, rng, progress)
        packed = self._packer.pack(turns, system_prompt).to(self._device)
        frozen = step < self._frozen_steps
        with mixed(self._device):
            with torch.set_grad_enabled(not frozen):
                patches, tokens = self._learner.see(batch.tiles)
            logits = told_logits(self._learner, packed, tokens).float()
            wrong = functional.cross_entropy(logits, packed.targets, reduction="none")
            total = (wrong * packed.weights).sum() / packed.weights.sum()
            values = self._values(logits, packed.targets)
            if not frozen:
                seen = sight_loss(self._learner, batch, patches, tokens, self._sight.balance)
                total = total + 0.3 * seen.total
                values |= {"class": seen.values["class"], "colour": seen.values["colour"]}
        return total, values

    def _values(self, logits: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        no, yes = self._answers
        asked = (targets == no) | (targets == yes)
        said = (logits[:, yes] > logits[:, no]) == (targets == yes)
        best = logits.argmax(-1) == targets
        return {"yes_no": float(said[asked].float().mean()),
                "words": float(best[~asked].float().mean())}
