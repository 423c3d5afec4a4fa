"""What a corpus from the wild may hold, and every vocabulary and batch must take."""

ODD_TEXTS = {
    "NUL bytes": "a\0b\0\0c",
    "mixed scripts": "Straße Αθήνα Москва 東京 القاهرة नमस्ते",
    "combining marks": "e\u0301 a\u0308\u0304 \u1100\u1161\u11a8",
    "emoji": "👩\u200d👩\u200d👧 🇫🇷 👍🏽 ❤\ufe0f",
    "boundary symbol": "a·b··",
    "line ends": "a\r\nb\rc\n\u2028d\x85",
    "byte order mark": "\ufeffa",
}
