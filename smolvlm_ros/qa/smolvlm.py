"""SmolVLM2 through transformers: constrained yes/no, shared image prefix, streamed answers."""
from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models.canary import canary_image
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.qa import loading
from smolvlm_ros.qa.checkpoint import Found
from smolvlm_ros.qa.engine import EngineConfig, EngineError
from smolvlm_ros.qa.fair_lock import FairLock
from smolvlm_ros.qa.packing import Packed, chunks, pack
from smolvlm_ros.qa.prefixes import Prefixes, remove_last
from smolvlm_ros.qa.prompt import MAX_PROMPT, chat_prefix, chat_question, clean_text, video_prefix
from smolvlm_ros.qa.tile import Tile
from smolvlm_ros.qa.tokens import Tokens
from smolvlm_ros.qa.verdict import Frame, YesNo

_FEATURE_DIFFERENCE = 1e-3  # relative; identical images give 0, different ones 0.1 and more
_PACKED_DIFFERENCE = 0.02   # relative; bfloat16 gives 0.004, positions that are off 0.07 and more
_CANARY_QUESTION = "Is there a circle?"
_PASS_TOKENS = 512          # of questions that share a forward pass


class SmolVlmEngine:
    """An `Engine` on a SmolVLM2 checkpoint.

    A lock is held for one forward pass at a time and goes to who has waited longest, so a verdict
    does not wait for the end of a streamed description, only for its current token (or, at its
    begin, its image). The passes run in one thread, whoever asks:
    torch keeps memory, and OpenMP a team of threads, for each thread that computes.

    Attributes:
        name: of the checkpoint.
        description: name, device, number format and, for 'auto', why it was taken.
        embedded: see `Engine`.
    """

    def __init__(self, loaded: loading.Loaded, tile: Tile, config: EngineConfig, name: str,
                 why: str = "", embedded: bool = False) -> None:
        """Use `load` to make one with all checks."""
        self.name = name
        self.embedded = embedded
        self.description = (f"{name} on {loaded.device} in {loaded.dtype}"
                            + (f": {why}" if why else ""))
        self.tile = tile
        self.tokens = Tokens.of(loaded.tokenizer, loaded.model, tile.tokens)
        self._config = config
        self._device = loaded.device
        self._model: Any = loaded.model
        # INT8 scales a pass by its largest value, so that questions in it would change each other.
        self._pass_tokens = 1 if loaded.dtype == "int8" else _PASS_TOKENS
        self._prefixes = Prefixes(config.prefix_frames)
        self._lock = FairLock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vlm")
        self._prefix_ids = self.tokens.encode(chat_prefix(self.tokens.image_text,
                                                          config.system_prompt))
        self.tokens.check_split(chat_prefix(self.tokens.image_text, config.system_prompt),
                                chat_question(_CANARY_QUESTION, config.yes_no_hint))

    @classmethod
    def load(cls, found: Found, config: EngineConfig) -> SmolVlmEngine:
        """Load and check: pieces that fit together, and a model that sees its image.

        Raises:
            EngineError: says what does not fit, and what to do.
        """
        try:
            tile = Tile.of_checkpoint(found.checkpoint.folder, found.checkpoint.config)
        except CheckpointError as error:
            raise EngineError(str(error)) from error
        engine = cls(loading.load(found, config), tile, config, found.name, found.why,
                     found.embedded)
        try:
            engine.check_sight()
            engine.check_packing()
        except BaseException:
            engine.close()
            raise
        return engine

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        """See `Engine.yes_no`."""
        ids = [self.tokens.encode(chat_question(self._clean(question), self._config.yes_no_hint))
               for question in questions]
        answers = []
        for chunk in chunks(ids, self._pass_tokens):
            started = time.perf_counter()
            with self._lock:
                rows = self._answers(image_rgb, chunk)
            ms = 1e3 * (time.perf_counter() - started) / len(chunk)
            answers += [YesNo(*self.tokens.yes_no(logits), ms) for logits in rows]
        return answers

    def stream(self, image_rgb: NDArray[np.uint8], question: str, max_tokens: int = 0,
               should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `Engine.stream`."""
        limit = self._config.max_new_tokens
        limit = min(max_tokens, limit) if max_tokens > 0 else limit
        return self._decode(lambda: self._copied(self._prefix(image_rgb)), self._clean(question),
                            limit, should_stop)

    def watch(self, frames: Sequence[Frame], question: str, max_tokens: int = 0,
              should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `video.VideoEngine.watch`."""
        limit = self._config.max_new_tokens
        limit = min(max_tokens, limit) if max_tokens > 0 else limit
        return self._decode(lambda: self._video(frames), self._clean(question), limit, should_stop)

    @property
    def tokens_per_image(self) -> int:
        """See `video.VideoEngine`."""
        return self.tile.tokens

    def close(self) -> None:
        """See `Engine.close`."""
        with self._lock:
            self._prefixes.clear()
            self._model = None
        self._thread.shutdown()
        if self._device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def check_sight(self) -> None:
        """The canary: two different images must give different features and probabilities.

        Raises:
            EngineError: the model is blind (features or probabilities do not depend on the
                image) or gives values that are not finite.
        """
        first = canary_image(self.tile.size, self.tile.size)
        features: list[NDArray[np.float32]] = []
        hook = self._model.model.connector.register_forward_hook(
            lambda module, inputs, output: features.append(output.float().cpu().numpy()))
        try:
            ids = self.tokens.encode(chat_question(_CANARY_QUESTION, self._config.yes_no_hint))
            logits = [self._answers(image, [ids])[0]
                      for image in (first, 255 - first[::-1, ::-1])]
        finally:
            hook.remove()
            self._prefixes.clear()
        if not all(np.isfinite(values).all() for values in (*features, *logits)):
            raise EngineError(f"{self.description}: values are not finite; try dtype = 'float32'")
        difference = np.linalg.norm(features[0] - features[1])
        if len(features) != 2 or difference <= _FEATURE_DIFFERENCE * np.linalg.norm(features[0]):
            raise EngineError(f"{self.description}: two different images give the same features; "
                              "the vision weights are broken, get the checkpoint again")
        if np.array_equal(logits[0], logits[1]):
            raise EngineError(f"{self.description}: two different images give the same "
                              "probabilities; the weights are broken, get the checkpoint again")

    def check_packing(self) -> None:
        """Questions of a pass must not change each other's answers; else each gets its own pass.

        What tells is a question behind another one, and behind the same tokens in reverse: its
        logits must stay the same, and be those of the same question in the first place.
        """
        if self._pass_tokens == 1:
            return
        image = canary_image(self.tile.size, self.tile.size)
        ids = self.tokens.encode(chat_question(_CANARY_QUESTION, self._config.yes_no_hint))
        try:
            first, behind = self._answers(image, [ids, ids])
            mixed = self._answers(image, [ids[::-1], ids])[1]
            limit = _PACKED_DIFFERENCE * np.linalg.norm(first)
            apart = all(np.linalg.norm(behind - other) <= limit for other in (first, mixed))
        except (EngineError, ValueError, TypeError, IndexError):  # of a transformers that refuses
            apart = False
        finally:
            self._prefixes.clear()
        if not apart:
            self._pass_tokens = 1
            self.description += (", one question in a pass: this version of transformers does not "
                                 "keep several apart")

    def _clean(self, question: str) -> str:
        return clean_text(question, "the question", MAX_PROMPT, self.tokens.special)

    def _decode(self, prefix: Callable[[], Any], question: str, limit: int,
                should_stop: Callable[[], bool]) -> Iterator[str]:
        """The answer's pieces; `prefix` gives keys and values that nobody else uses."""
        if should_stop():
            return
        with self._lock:
            cache = prefix()
        ids = self.tokens.encode(chat_question(question))
        made: list[int] = []
        given = ""
        for _ in range(limit):
            if should_stop():
                return
            with self._lock:
                made.append(int(np.argmax(self._forward(pack([ids]), cache)[0])))
            ids = made[-1:]
            ended = made[-1] in self.tokens.ends
            text = self.tokens.decode(made)
            # A character may need several tokens; wait for it unless this is the end.
            if ended or len(made) == limit or not text.endswith("\ufffd"):
                if len(text) > len(given):
                    yield text[len(given):]
                given = text
            if ended:
                return

    def _answers(self, image_rgb: NDArray[np.uint8], questions: Sequence[Sequence[int]]
                 ) -> NDArray[np.float32]:
        """Logits of the first token after each prompt, (N, vocabulary) float32; the lock is held.

        One pass for all questions, and for the image too where it was not seen before.
        """
        key, cache = self._prefixes.take(image_rgb)
        try:
            if cache is None and self._pass_tokens > 1:
                cache = self._empty()
                rows = self._forward(pack(questions, self._prefix_ids), cache,
                                     self.tile.pixels(image_rgb))
            else:
                cache = self._seen(image_rgb) if cache is None else cache
                rows = self._forward(pack(questions, past=cache.get_seq_length()), cache)
            self._run(remove_last, cache, sum(map(len, questions)))
        except EngineError:
            self._prefixes.clear()  # memory for the next try
            raise
        self._prefixes.put(key, cache)
        return rows

    def _prefix(self, image_rgb: NDArray[np.uint8]) -> Any:
        """Keys and values of system prompt and image, computed or remembered; the lock is held."""
        key, cache = self._prefixes.take(image_rgb)
        cache = self._seen(image_rgb) if cache is None else cache
        self._prefixes.put(key, cache)
        return cache

    def _seen(self, image_rgb: NDArray[np.uint8]) -> Any:
        """Keys and values of system prompt and image."""
        cache = self._empty()
        self._forward(pack([self._prefix_ids]), cache, self.tile.pixels(image_rgb))
        return cache

    def _empty(self) -> Any:
        """No keys and values yet."""
        from transformers import DynamicCache

        if self._model is None:
            raise EngineError(f"{self.name} is closed")
        return DynamicCache(config=self._model.config)

    def _video(self, frames: Sequence[Frame]) -> Any:
        """Keys and values of several frames in their order; the lock is held."""
        seconds = [frame.stamp_s - frames[0].stamp_s for frame in frames]
        ids = self.tokens.encode(video_prefix(self.tokens.image_text, seconds,
                                              self._config.system_prompt))
        cache = self._empty()
        self._forward(pack([ids]), cache, np.stack([self.tile.pixels(f.image_rgb) for f in frames]))
        return cache

    def _copied(self, cache: Any) -> Any:
        return self._run(copy.deepcopy, cache)

    def _forward(self, packed: Packed, cache: Any, pixels: NDArray[np.float32] | None = None
                 ) -> NDArray[np.float32]:
        """Logits after the ends, (N, vocabulary) float32; `cache` grows by all tokens."""
        if self._model is None:
            raise EngineError(f"{self.name} is closed")
        rows: NDArray[np.float32] = self._run(self._compute, packed, cache, pixels)
        return rows

    def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What `work` gives, done in the model's thread."""
        try:
            return self._thread.submit(work, *arguments).result()
        except EngineError:
            raise
        except (RuntimeError, MemoryError) as error:
            raise EngineError(f"{self.description} failed: {error}; out of memory? Use a smaller "
                              "model or a smaller dtype") from error

    def _compute(self, packed: Packed, cache: Any, pixels: NDArray[np.float32] | None
                 ) -> NDArray[np.float32]:
        """`_forward`, in the model's thread."""
        import torch

        with torch.inference_mode():
            tokens = torch.tensor([packed.ids], dtype=torch.long, device=self._device)
            inputs = ({"input_ids": tokens} if pixels is None
                      else {"inputs_embeds": self._embed(tokens, pixels)})
            if packed.visible is not None and packed.positions is not None:
                inputs |= self._apart(packed.visible, packed.positions)
            output = self._model(past_key_values=cache, use_cache=True,
                                 logits_to_keep=torch.tensor(packed.ends, device=self._device),
                                 **inputs)
            return output.logits[0].float().cpu().numpy()  # type: ignore[no-any-return]

    def _apart(self, visible: NDArray[np.bool_], positions: NDArray[np.int64]) -> dict[str, Any]:
        """What keeps the questions of a pass apart: a mask of four dimensions, and positions."""
        import torch

        hidden = torch.from_numpy(~visible).to(self._device)
        dtype = self._model.get_input_embeddings().weight.dtype
        mask = torch.zeros(hidden.shape, dtype=dtype, device=self._device)
        mask.masked_fill_(hidden, torch.finfo(dtype).min)
        return {"attention_mask": mask[None, None],
                "position_ids": torch.from_numpy(positions)[None].to(self._device)}

    def _embed(self, tokens: Any, pixels: NDArray[np.float32]) -> Any:
        """Embeddings of the prefix with the image's features in their places.

        The model can do this itself, but transformers 5.20 (the last for Python 3.10) only where
        the number of image tokens is a multiple of the patch size: not for SmolVLM2-2.2B's 81.
        """
        import torch

        tiles = torch.from_numpy(pixels if pixels.ndim == 4 else pixels[None])[None]
        seen = self._model.get_image_features(
            pixel_values=tiles.to(self._device)).pooler_output
        features = torch.cat(list(seen))  # a list of tiles, or one tensor with tiles in front
        embeddings = self._model.get_input_embeddings()(tokens)
        places = tokens == self._model.config.image_token_id
        if int(places.sum()) != len(features):
            raise EngineError(f"{self.description}: the image has {len(features)} features for "
                              f"{int(places.sum())} tokens; config.json and the processor's files "
                              "do not belong together")
        embeddings[places] = features.to(embeddings.dtype)
        return embeddings
