"""Traditional and simplified characters made one, for comparing only."""

from collections.abc import Callable
from functools import cache

from ramospeech.errors import UsageError

# Variants that OpenCC leaves, as both are written in simplified text, or as one has no simplified form.
_VARIANTS = str.maketrans("著妳牠祂祇痺", "着你它他只痹")


def simplified(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Return each character in its simplified form, whatever stands around it: 乾 and 干 are one, 後 and 后 too.

    >>> simplified(("氣", "后", "後", "<UNK>"))
    ('气', '后', '后', '<UNK>')
    """
    return tuple(_simplify(token) for token in tokens)


@cache
def _simplify(token: str) -> str:
    return _converter()(token).translate(_VARIANTS)


@cache
def _converter() -> Callable[[str], str]:
    try:
        from opencc import OpenCC
    except ImportError:
        raise UsageError(
            "opencc, which knows traditional characters, is not installed: pip install 'ramospeech[report]', "
            "or give --script exact"
        ) from None
    return OpenCC("t2s").convert
