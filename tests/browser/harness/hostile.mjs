// What somebody writes into events who wishes the reader no good.

export const HOSTILE = {
  script: "<script>alert(1)</script>",
  attribute: '"><img src=x onerror=alert(1)>',
  quote: "' autofocus onfocus=alert(1) x='",
  closing: '</textarea></title></style></script></pre><svg onload=alert(1)><iframe srcdoc="<script>alert(1)</script>">',
  link: "javascript:alert(1)//[x](javascript:alert(1))",
  foreign: '<link rel=stylesheet href="http://elsewhere.example/x.css"><img src="//elsewhere.example/x.png">',
  entity: "&lt;b&gt; &#60;script&#62; &amp;lt;",
  template: "{{constructor.constructor('alert(1)')()}} ${alert(1)} <%= 1 %>",
  escape: "\\u003cscript\\u003e \\x3cscript\\x3e",
  turned: "\u202egnirts\u202c \u2067abc\u2069 \u200f\u200e مرحبا",
  control: "a\u0000b\u0007c\u001b[31md\u0008e\u007ff\u0085g\u2028h\u2029i\rj",
  invisible: "zero\u200bwidth\ufeff\u00adjoiner\u200d",
  stacked: "Z" + "\u0361\u0489\u0336".repeat(60),
  long: "W".repeat(3000),
  broken: "a %00 %3Cscript%3E %",
  astral: "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿",
};

/** Characters that a page may show in another form: as their number, or not at all. */
const SHOWN_OTHERWISE = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

/** The longest pieces of a text that a page must show as they are. */
export function plainParts(text) {
  return text
    .slice(0, 100)
    .split(SHOWN_OTHERWISE)
    .map((part) => part.trim())
    .filter((part) => part.length > 1);
}
