"""The captioner as `scale` takes it: what it says of photos, as rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field

from runtime.errors import PhotoError

from .caption import Caption
from .model import BUNDLED, load
from .search_settings import SearchSettings


@dataclass(frozen=True)
class Captions:
    """A `scale.job.Job`: a caption a photo.

    Attributes:
        model: a model folder, or the bundled one.
        settings: how words are chosen.
    """

    model: str = BUNDLED
    settings: SearchSettings = field(default_factory=SearchSettings)

    def about(self) -> dict:
        return asdict(self.settings)

    def schema(self):
        import pyarrow

        word = pyarrow.struct([("word", pyarrow.string()), ("prob", pyarrow.float64())])
        return [("caption", pyarrow.string()), ("log_prob", pyarrow.float64()), ("words", pyarrow.list_(word))]

    def start(self) -> Callable[[Iterable], Iterator[tuple[object, list[dict] | PhotoError]]]:
        captioner = load(self.model)

        def work(photos: Iterable) -> Iterator[tuple[object, list[dict] | PhotoError]]:
            for photo, result in captioner.stream(photos, self.settings):
                yield photo, [_row(result)] if isinstance(result, Caption) else result

        return work


def _row(result: Caption) -> dict:
    row = result.to_json()
    del row["alternatives"]
    return row
