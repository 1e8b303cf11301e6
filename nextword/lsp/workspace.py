"""The documents that a client has open, and what is answered about them; knows nothing of how messages are carried.

Every document begins with what the session holds that has a name, where one is wanted, and with the files learned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from nextword.analysis.influence import why_likeliest
from nextword.config import AdaptConfig, EditorConfig, WhyConfig
from nextword.errors import NextwordError, UsageError
from nextword.inference.phrases import worth_showing
from nextword.inference.predictor import Predictor
from nextword.inference.session import Session
from nextword.inference.session_store import SessionStore
from nextword.lsp.document import Document
from nextword.lsp.memory import Cursor, DocumentMemory
from nextword.lsp.positions import Position
from nextword.lsp.prose import scanner_of
from nextword.terminal.influence import summary
from nextword.text.casing import rest_of
from nextword.text.corpus import read_corpus

MAX_FOLLOWED = 8  # documents whose states are kept, those answered last; others are read again
_MAX_WHY_TOKENS = 200  # before the cursor, in which reasons are looked for
_MAX_WHY_PARTS = 50  # words that are taken out in turn
_MAX_LEARNED_TOKENS = 16_384  # of a file that is learned, its last ones
_MIN_PROBABILITY = 0.2  # of the first word of a phrase, which else would flicker at every key

Load = Callable[[str | None], Predictor]


def load(checkpoint: str | Path | None) -> Predictor:
    """A model that answers the first letter as fast as the others.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    predictor = Predictor.load(checkpoint)
    predictor.session().suggest(1, prefix="a")
    return predictor


class Suggestion(NamedTuple):
    """What may stand in the place of the letters typed."""

    word: str
    typed: str  # what begins with the letters typed, and what clients may compare with these
    probability: float
    begin: Position  # as the client counts; it ends at the cursor
    end: Position


@dataclass
class _Open:
    """A document, and what remembers it, unless it has to be read anew."""

    language: str
    document: Document
    memory: DocumentMemory | None = None


class Workspace:
    """What is open.

    Args:
        load: Loads a checkpoint, or the one that answers where none is named.
        tell: Says something to the user, as an error or not.
        store: Where sessions are kept.
    """

    def __init__(self, load: Load, tell: Callable[[str, bool], None], store: SessionStore | None = None) -> None:
        self.config = EditorConfig()
        self.encoding = "utf-16"
        self._load, self._tell, self._store = load, tell, store or SessionStore()
        self._documents: dict[str, _Open] = {}
        self._base: Session | None = None  # what documents begin with
        self._failed = False  # the model cannot be loaded, and that has been said
        self._forgotten: set[str] = set()
        self._unknown: set[str] = set()  # settings that have been named

    # -- settings ------------------------------------------------------------------------------------------------

    def configure(self, settings: Any) -> None:
        """Take the settings of a client; what is no setting is named once, a wrong value is not taken."""
        if not isinstance(settings, dict):
            return
        settings = settings.get("nextword", settings)
        known = {item.name for item in fields(EditorConfig)}
        for name, value in settings.items() if isinstance(settings, dict) else ():
            if name not in known:
                self._name_unknown(name)
            elif value is not None:
                self._set(name, value)

    def _name_unknown(self, name: str) -> None:
        if name not in self._unknown:
            self._unknown.add(name)
            names = ", ".join(item.name for item in fields(EditorConfig))
            self._tell(f"{name} is no setting of nextword. There are: {names}", False)

    def _set(self, name: str, value: Any) -> None:
        try:
            config = replace(self.config, **{name: value})
        except UsageError as error:
            self._tell(_sentence(error), True)
            return
        if getattr(config, name) != getattr(self.config, name):
            self.config = config
            if name in ("checkpoint", "session", "adapt"):
                self._base, self._failed = None, False
                self._read_anew()
            if name == "languages":
                for uri, opened in list(self._documents.items()):
                    self.open(uri, opened.language, opened.document.text)

    # -- documents -----------------------------------------------------------------------------------------------

    def open(self, uri: str, language: str, text: str) -> None:
        """A document is open now."""
        scan = scanner_of(language, self.config.languages)
        self._documents[uri] = _Open(language, Document(text, scan, self.encoding))

    def change(self, uri: str, begin: Position, end: Position, text: str) -> None:
        """Put `text` in the place of what stands between two places."""
        if opened := self._documents.get(uri):
            concerned = opened.document.edit(begin, end, text)
            if opened.memory:
                opened.memory.edited(*concerned)

    def replace(self, uri: str, text: str) -> None:
        """Put `text` in the place of the whole document."""
        self.change(uri, Position(0, 0), Position(2**31, 0), text)

    def close(self, uri: str) -> None:
        """A document is not open any more; what was learned is kept if it is to be."""
        self.save(uri)
        self._documents.pop(uri, None)

    def save(self, uri: str) -> None:
        """Keep what was learned in a document, if a session has a name."""
        opened = self._documents.get(uri)
        if self.config.session is not None and opened and opened.memory:
            self._keep(opened.memory.session)

    def _keep(self, session: Session) -> None:
        try:
            if self.config.session is not None:
                self._store.save(self.config.session, session)
        except NextwordError as error:
            self._tell(_sentence(error), True)

    # -- answers -------------------------------------------------------------------------------------------------

    def words(self, uri: str, position: Position) -> list[Suggestion]:
        """The words to suggest at a place, the likeliest first; none where words are not wanted."""
        found = self._cursor(uri, position)
        if not found:
            return []
        document, place, cursor = found
        count = self.config.count
        likeliest = cursor.outlook.top(count + len(self._forgotten), prefix=cursor.letters, forgive=self.config.forgive)
        kept = [one for one in likeliest if self._normalized(cursor, one.word) not in self._forgotten]
        return [self._suggestion(document, place, cursor, one.word, one.probability) for one in kept[:count]]

    def phrase(self, uri: str, position: Position) -> Suggestion | None:
        """The phrase to show in gray at a place, which begins with the letters typed; None: none is worth it."""
        found = self._cursor(uri, position) if self.config.phrases else None
        if not found:
            return None
        cursor = found[2]
        likeliest = cursor.outlook.top(self.config.count, prefix=cursor.letters, forgive=False)
        phrase = worth_showing(cursor.session, likeliest, cursor.letters)
        if not phrase or phrase[0].probability < _MIN_PROBABILITY:
            return None
        suggestion = self._suggestion(*found, " ".join(one.word for one in phrase), phrase[-1].probability)
        words = {self._normalized(cursor, one.word) for one in phrase}
        return suggestion if suggestion.typed.startswith(cursor.letters) and not words & self._forgotten else None

    def why(self, uri: str, position: Position, word: str | None = None) -> str:
        """Which words above a place a suggestion owes itself to, in one line; of the likeliest if none is named.

        Raises:
            UsageError: There is no word above, or nothing is suggested.
        """
        found = self._cursor(uri, position)
        if not found:
            raise UsageError("nothing is suggested there")
        cursor = found[2]
        engine = cursor.outlook.engine
        if word is None:
            word = next((one.word for one in self.words(uri, position)), None)
        if word is not None and engine.tokenizer.known_id(word) is None:
            return f"{word}: a word of this text, or one too rare for the model to say why"
        text = engine.tokenizer.ending(cursor.text, _MAX_WHY_TOKENS)
        config = WhyConfig(k=1, word=word, last=_MAX_WHY_PARTS)
        parts, influences, _ = why_likeliest(engine, text, config)
        return "\n".join(summary(parts, influences))

    def _cursor(self, uri: str, position: Position) -> tuple[Document, Position, Cursor] | None:
        opened = self._documents.get(uri)
        base = self._session() if opened else None
        if not opened or not base:
            return None
        if not opened.memory:
            session = Session(base.engine, base.adapt)
            session.restore(base.snapshot)
            opened.memory = DocumentMemory(opened.document, session)
        self._documents[uri] = self._documents.pop(uri)  # the last one answered
        followed = [one for one in self._documents.values() if one.memory]
        for one in followed[:-MAX_FOLLOWED]:
            one.memory = None
        place = opened.document.place(position)
        cursor = opened.memory.at(place)
        return (opened.document, place, cursor) if cursor else None

    def _suggestion(
        self, document: Document, place: Position, cursor: Cursor, word: str, probability: float
    ) -> Suggestion:
        letters = cursor.letters
        rest = rest_of(word, letters, cursor.outlook.engine.tokenizer.normalize)
        typed = word if rest is None else letters + rest
        begin = Position(place.line, place.character - len(letters))
        return Suggestion(word, typed, probability, document.units(begin), document.units(place))

    @staticmethod
    def _normalized(cursor: Cursor, word: str) -> str:
        return cursor.outlook.engine.tokenizer.normalize(word)

    # -- what is remembered ----------------------------------------------------------------------------------------

    def _session(self) -> Session | None:
        """What documents begin with; None, after one message, where there is no model."""
        if self._base is None and not self._failed:
            try:
                predictor = self._load(self.config.checkpoint)
                adapt = AdaptConfig() if self.config.adapt else None
                name = self.config.session
                opened = self._store.open(name, predictor, adapt) if name is not None else predictor.session(adapt)
                self._base = opened
            except (NextwordError, OSError) as error:
                self._failed = True
                self._tell(_sentence(error), True)
        return self._base

    def _read_anew(self) -> None:
        for opened in self._documents.values():
            opened.memory = None

    def forget(self, word: str) -> None:
        """Suggest a word no more, until `reset`."""
        base = self._session()
        if base and word.strip():
            self._forgotten.add(base.engine.tokenizer.normalize(word.strip()))
            if base.forget(word.strip()):
                self._read_anew()
                self._keep(base)

    def reset(self) -> None:
        """Forget what was learned from earlier documents and from files, and which words were to be forgotten."""
        self._forgotten.clear()
        self._read_anew()
        if base := self._session():
            base.reset()
            self._keep(base)

    def learn(self, path: Path) -> str:
        """Read a file, so that its words are suggested in every document; what to say about it.

        Raises:
            NextwordError: It cannot be read.
        """
        base = self._session()
        if not base:
            return "nothing was learned: there is no model"
        text = "\n\n".join(document.text for document in read_corpus([path]).documents)
        read = base.engine.tokenizer.ending(text, _MAX_LEARNED_TOKENS)
        base.feed(read)
        self._read_anew()
        self._keep(base)
        return f"{path} is learned" if len(read) == len(text) else f"the end of {path} is learned"


def _sentence(error: NextwordError | OSError) -> str:
    """What is wrong, and what mends it."""
    if isinstance(error, NextwordError):
        return f"nextword: {error.message}. {error.hint}".strip()
    return f"nextword: {error}"
