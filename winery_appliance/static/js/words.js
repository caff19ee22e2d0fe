// What a script says, in the page's language: written in English where it is said, looked up in what the page brought along.

const brought = document.getElementById("words");
const words = brought ? JSON.parse(brought.textContent) : {};
// The number's form in the languages that are spoken here: French counts none like one.
const formOf = document.documentElement.lang === "fr" ? (n) => Number(n > 1) : (n) => Number(n !== 1);

const fill = (text, given) => text.replace(/%\((\w+)\)s/g, (place, name) => (name in given ? given[name] : place));

// The sentence, with what is given in the place of %(name)s.
export function _(english, given = {}) {
  return fill(words[english]?.[0] ?? english, given);
}

// The sentence for that number of things; %(num)s is the number.
export function ngettext(one, many, number, given = {}) {
  const forms = words[one] ?? [one, many];
  return fill(forms[words[one] ? formOf(number) : Number(number !== 1)] ?? forms[0], { num: number, ...given });
}
