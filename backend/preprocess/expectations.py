"""What a clip's faults will cost the head that is trained on it, in words.

The limits and what is said are from clips that were made worse on purpose, trained on and scored against the clip as it
was (tests/support/degraded.py; the figures are in docs/footage.md).
"""

from __future__ import annotations

SMALL_FACE_PX = 80
"""Height of a face: a head trained at 77 px was 0.6 dB worse at three times that size than one trained there."""
BLURRED = 9.0
"""Sharpness (`face_picture`): 10.4 cost 0.4 dB, 5.4 cost 1.5."""
NOISY = 3.0
"""Noise (`face_picture`), grey levels: 3.8 cost 0.7 dB, 7.6 cost 1.5."""
DARK = 25.0
"""Brightness (`face_picture`), grey levels: 36 cost 0.2 dB; at 14 lips followed the sound less than half as well."""
COARSE_BITS = 0.012
"""Bits a pixel: 0.021 cost 0.2 dB; 0.007 cost 2.3, and the lips did not follow the sound any more."""
NARROW_MOUTH_RANGE = 0.02
"""Face heights."""


def expectations(
    face_px: float,
    sharpness: float,
    noise: float,
    brightness: float,
    mouth_range: float,
    bits_per_pixel: float | None,
) -> list[str]:
    """Sentences on what is to be expected of a head, and on what footage would be better; none for a good clip.

    face_px: height of the face in the stored frames. sharpness, noise, brightness: as in `face_picture`. mouth_range:
    how far the lips part, face heights. bits_per_pixel: of the coded footage; None where that says nothing (numbered
    pictures).
    """
    said = []
    is_small = face_px < SMALL_FACE_PX
    if is_small:
        said.append(f"The face is only {face_px:.0f} px high: expect a soft result. Footage with a larger face helps.")
    if brightness < DARK:
        said.append(
            "The face is very dark: lips will follow the sound less well. Give brighter footage, or brighten this clip "
            "before it is coded."
        )
    if sharpness < BLURRED and not is_small:
        said.append("The face is not sharp: expect a soft result. Look for footage that is in focus, with less motion.")
    if noise > NOISY:
        said.append(
            "The picture is noisy: expect a softer head that flickers a little. Give footage with more light, or "
            "remove the noise first."
        )
    if bits_per_pixel is not None and bits_per_pixel < COARSE_BITS:
        said.append(
            "The clip is coded very coarsely: fine motion of the lips is lost in it. Give the camera's own file, not a "
            "copy from a messenger or a web page."
        )
    if mouth_range < NARROW_MOUTH_RANGE:
        said.append("The mouth hardly opens in this footage, so wide open vowels will look guessed.")
    return said
