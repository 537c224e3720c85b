"""What populated links and clicks say: ordinary text, and all that breaks careless programs."""

from collections.abc import Sequence

TITLES: Sequence[str] = (
    "Spring sale",
    "Fish & Chips <b>today</b>",
    "",
    "Grüße aus Zürich",
    "Newsletter 🎉 week 12 👩‍👩‍👧",
    "<script>alert('hi')</script>",
    "Contest: who collects the most clicks?",
    "שלום עולם — مرحبا",
    "]]> &amp; &#0; \"quoted\" 'twice'",
    "Zalgo Z\u0351\u036b\u0343a\u0334l\u0321g\u0361o and e\u0301",
    "Tabs\tand\nlines\r\nand a lone\rCR",
    "Controls \x00\x01\x08\x0b\x1f\x7f\x85",
    "What XML can't hold: \ufffe \uffff \ud83d",
    "Right to left \u202eoverride\u202c, zero\u200bwidth, BOM \ufeff",
    "  spaces around  ",
    "=HYPERLINK(\"http://example.com\",'x')",
    "Comma, semicolon; pipe | backslash \\ %00 %41 ${x} {{y}}",
    "日本語のタイトル",
    "A long title " + "that goes on and on " * 20,
    "null",
)
GROUPS: Sequence[str] = ("newsletter", "contest", "", "Zürich & Söhne", "<none>", "partners")
DESCRIPTIONS: Sequence[str] = ("", "", "Ends on Sunday", "", "Für alle <Kunden> & Gäste 🎁", "")
NOTES: Sequence[str] = ("", "", "", "ask Zoë before\r\nchanging this", "")
DESTINATIONS: Sequence[str] = (
    "https://www.example.com/",
    "https://shop.example.com/item?id=1&ref=mail&utm_source=a%20b",
    "https://example.org/straße/日本?q=<&>#top",
    "http://example.net/a;b=c/~user/[x]",
)
HOSTS: Sequence[str] = ("", "", "", "go.example.com", "", "", "", "", "", "l.example.org")
REFERRERS: Sequence[tuple[str, float]] = (
    ("", 36),
    ("https://www.example.com/", 12),
    ("https://www.google.com/", 14),
    ("https://t.co/AbCdEf1234", 8),
    ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2F&h=AT0x", 8),
    ("https://mail.example.org/u/0/#inbox", 6),
    ("android-app://com.example.reader/", 5),
    ("https://search.example.com/?q=caf%C3%A9+%26+th%C3%A9", 4),
    ("https://例え.example/パス?q=🎉", 2),
    ("https://forum.example.net/<script>alert(1)</script>?a=1&b=\"2\"&c='3'", 1.5),
    ("https://example.com/]]>&amp;\x00\x1b[31m", 1),
    ("https://example.com/line\r\nbreak\tand\rCR", 0.5),
    ("https://مثال.example/\u202eعربي", 0.5),
    ("https://example.com/?q=" + "x" * 1500, 0.2),
)
USER_AGENTS: Sequence[tuple[str, float]] = (
    (
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/120.0.0.0 Safari/537.36"
        ),
        30,
    ),
    (
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
        ),
        25,
    ),
    (
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/120.0.0.0 Mobile Safari/537.36"
        ),
        20,
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", 8),
    ("Mozilla/5.0 (compatible; Examplebot/2.1; +http://example.com/bot.html)", 6),
    ("curl/8.5.0", 3),
    ("", 4),
    ("Обозреватель/1.0 «тест» 🦊", 1),
    ("<b>Agent</b> & \"Co\" 'x' ]]>\x07", 1),
)
COUNTRIES: Sequence[tuple[str, float]] = (
    ("US", 34),
    ("DE", 14),
    ("GB", 10),
    ("FR", 8),
    ("IN", 8),
    ("BR", 6),
    ("JP", 5),
    ("CH", 4),
    ("IL", 3),
    ("EG", 2),
    ("", 4),
)
