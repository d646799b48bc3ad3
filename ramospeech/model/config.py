"""What describes an acoustic model completely; saved in its file."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ramospeech.errors import ModelError
from ramospeech.features import FEATURES, MODES, FeatureSettings, fault_of
from ramospeech.model.encoders import ENCODERS
from ramospeech.model.heads import HEADS
from ramospeech.settings import check, shown
from ramospeech.text.units import UNITS

RATE, SCALE = "dropout", "dropout_scale"
DROPOUT = RATE, SCALE, "speller_dropout"  # sizes that no weight depends on


@dataclass(frozen=True, init=False)
class ModelConfig:
    """Units, features, encoder with its sizes, and heads of a model.

    Args:
        units: their order is the ids; 0 is the blank, 1 the unknown unit.
        architecture: a name in `ENCODERS`.
        features, normalise: names in `FEATURES` and `MODES`; None for the default of the encoder.
        heads: names in `HEADS`.
        framing: rate, frames and bins of the features; None for the default of the encoder.
        unit_type: what the units are, a name in `ramospeech.text.units.UNITS`.
        share_parts: whether syllables share weights of the output layer by initial, final and tone.
        sizes: an instance of the encoder's `Sizes`; None for its defaults.
        head_sizes: an instance of the `Sizes` of each head, in any order; defaults for those that are not there.
        values: sizes by name, of the encoder or of the heads, and fields of `framing`, which override those of `sizes`,
            `head_sizes` and `framing`.

    Raises ModelError for anything unknown or out of bounds.
    """

    units: tuple[str, ...]
    architecture: str
    features: str
    normalise: str
    heads: tuple[str, ...]
    unit_type: str
    share_parts: bool
    sizes: Any
    head_sizes: tuple[Any, ...]
    framing: FeatureSettings

    def __init__(
        self,
        units: tuple[str, ...],
        architecture: str = "dfcnn",
        features: str | None = None,
        normalise: str | None = None,
        heads: tuple[str, ...] = ("ctc",),
        share_parts: bool = False,
        sizes: Any = None,
        head_sizes: tuple[Any, ...] = (),
        framing: FeatureSettings | None = None,
        unit_type: str = "pinyin",
        **values: Any,
    ) -> None:
        if architecture not in ENCODERS:
            raise ModelError(f"unknown architecture {architecture!r}; there is {', '.join(ENCODERS)}")
        encoder = ENCODERS[architecture]
        sizes = encoder.Sizes() if sizes is None else sizes
        names = {item.name for item in fields(sizes)}
        if SCALE in names and RATE in values and RATE not in names:
            values[SCALE] = values.pop(RATE)  # its name in version 0.1
        of_heads = _head_sizes(heads, head_sizes)
        head_names = {item.name for each in of_heads for item in fields(each)}
        if framing is None:
            framing = encoder.default_framing
            if features not in (None, encoder.default_features):
                framing = replace(framing, feature_bins=0)  # those of the other kind
        unknown = sorted(values.keys() - names - head_names - vars(framing).keys())
        if unknown:
            raise ModelError(f"options unknown to this version of ramospeech: {', '.join(unknown)}")
        chosen = {
            "units": units,
            "architecture": architecture,
            "features": encoder.default_features if features is None else features,
            "normalise": encoder.default_normalise if normalise is None else normalise,
            "heads": heads,
            "unit_type": unit_type,
            "share_parts": share_parts,
            "sizes": _replaced(sizes, values),
            "head_sizes": tuple(_replaced(each, values) for each in of_heads),
            "framing": _replaced(framing, values),
        }
        for name, value in chosen.items():
            object.__setattr__(self, name, value)
        self._check()

    def sizes_of(self, head: str) -> Any:
        """Return the sizes of a head."""
        return self.head_sizes[self.heads.index(head)]

    def _check(self) -> None:
        if len(self.units) < 3 or not all(isinstance(unit, str) for unit in self.units):
            raise ModelError("a model needs the names of the blank, of the unknown unit and of at least one unit more")
        if self.unit_type not in UNITS:
            raise ModelError(f"unknown type of units {self.unit_type!r}; there is {', '.join(UNITS)}")
        if self.share_parts and not UNITS[self.unit_type].parts(self.units[2]):
            raise ModelError(f"{self.unit_type} have no parts that could share weights; leave --share_parts out")
        if self.features not in FEATURES:
            raise ModelError(f"unknown features {self.features!r}; choose one of {', '.join(FEATURES)}")
        if self.normalise not in MODES:
            raise ModelError(f"unknown normalisation {self.normalise!r}; choose one of {', '.join(MODES)}")
        if not isinstance(self.share_parts, bool):
            raise ModelError(f"share_parts must be true or false, not {self.share_parts!r}")
        if type(self.sizes) is not ENCODERS[self.architecture].Sizes:
            raise ModelError(f"{type(self.sizes).__name__} are not the sizes of {self.architecture}")
        for sizes in (self.sizes, *self.head_sizes, self.framing):
            check(sizes, ModelError)
        if fault := fault_of(self.features, self.framing):
            raise ModelError(fault)

    def describe(self) -> str:
        """Return one line for people."""
        parts = " that share parts" if self.share_parts else ""
        heads = zip(self.heads, self.head_sizes, strict=True)
        described = [f"{name} ({_listed(sizes)})" if vars(sizes) else name for name, sizes in heads]
        others = f", heads: {', '.join(described)}" if self.heads != ("ctc",) else ""
        usual = vars(FeatureSettings())
        own = "".join(f", {name} {value}" for name, value in vars(self.framing).items() if value != usual[name])
        return (
            f"{self.architecture} on {self.features} (normalised by {self.normalise}{own}), {_listed(self.sizes)}, "
            f"{len(self.units)} units ({self.unit_type}){parts}{others}"
        )

    def matches(self, other: "ModelConfig") -> bool:
        """Return whether weights of the one are weights of the other: all is equal but the dropout."""
        first, second = ({**config.to_dict(), **dict.fromkeys(DROPOUT)} for config in (self, other))
        return first == second

    def to_dict(self) -> dict[str, Any]:
        """Return a flat dictionary for JSON, sizes beside the rest, that `from_dict` reads."""
        nested = ("sizes", "head_sizes", "framing")
        own = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in nested}
        if not self.framing == ENCODERS[self.architecture].default_framing == FeatureSettings():
            own |= asdict(self.framing)  # older versions know the usual frames only
        return own | {name: value for sizes in (self.sizes, *self.head_sizes) for name, value in asdict(sizes).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """Return the configuration in a model file. Raises ModelError for fields that are missing, unknown or odd."""
        options: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        try:
            return cls(**options)
        except TypeError as error:
            raise ModelError(f"options missing or of the wrong type: {error}") from error


def _head_sizes(heads: tuple[str, ...], given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the sizes of each head: those of its kind that are given, or its defaults. Raises ModelError."""
    unknown = [name for name in heads if name not in HEADS]
    if unknown or not heads or len(set(heads)) < len(heads):
        raise ModelError(f"unknown or repeated heads {unknown or heads}; choose at least one of {', '.join(HEADS)}")
    by_kind = {type(sizes): sizes for sizes in given}
    return tuple(by_kind.get(HEADS[name].Sizes, HEADS[name].Sizes()) for name in heads)


def _replaced(sizes: Any, values: dict[str, Any]) -> Any:
    names = {item.name for item in fields(sizes)}
    return replace(sizes, **{name: value for name, value in values.items() if name in names})


def _listed(sizes: Any) -> str:
    return ", ".join(f"{name} {shown(value).replace(' ', '-')}" for name, value in vars(sizes).items())
