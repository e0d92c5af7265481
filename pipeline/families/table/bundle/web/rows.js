// Predict from rows of a table, as pipeline/families/table/bundle/reader.py does.

export class RowError extends Error {}

const DAY = 86_400_000;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const UNIT = "[$€£¥₹%]?";
const BLANKS = "[ \\u00a0\\u202f]*";

const PARTS = {
  year: (date) => date.getUTCFullYear(),
  month: (date) => date.getUTCMonth() + 1,
  day: (date) => date.getUTCDate(),
  weekday: (date) => (date.getUTCDay() + 6) % 7,
  day_of_year: (date) => dayOfYear(date),
  week: weekOf,
  hour: (date) => date.getUTCHours(),
  days: (date) => Math.floor(date.getTime() / DAY),
};

// Date.UTC would read years before 100 as years of the twentieth century.
function midnight(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date;
}

const dayOfYear = (date) =>
  Math.floor(date.getTime() / DAY) - Math.floor(midnight(date.getUTCFullYear(), 1, 1).getTime() / DAY) + 1;

// ISO 8601: a week belongs to the year that contains its Thursday.
function weekOf(date) {
  const days = date.getUTCDate() + 4 - (date.getUTCDay() || 7);
  return Math.ceil(dayOfYear(midnight(date.getUTCFullYear(), date.getUTCMonth() + 1, days)) / 7);
}

// As _number of the reader in Python: 1,234.5, € 3 and 45% are numbers; NaN for a text that is none.
function numberOf(text, decimal) {
  if (!(decimal === "," && text.includes("."))) {
    const plain = decimal === "," ? text.replaceAll(",", ".") : text;
    if (NUMBER.test(plain)) return Number(plain);
  }
  const [mark, grouping] = decimal === "." ? ["\\.", ","] : [",", "\\."];
  const grouped = `\\d{1,3}(?:[ \\u00a0\\u202f'’]\\d{3})+|\\d{1,3}(?:${grouping}\\d{3})+`;
  const number = `([+-]?)${BLANKS}${UNIT}${BLANKS}(\\d+|${grouped}|)((?:${mark}\\d*)?)`;
  const parts = new RegExp(`^${UNIT}${BLANKS}${number}${BLANKS}${UNIT}$`).exec(text);
  if (!parts || !/\d/.test(text)) return NaN;
  return Number(parts[1] + parts[2].replaceAll(/\D/g, "") + parts[3].replace(",", "."));
}

function momentOf(texts, parts) {
  const parsed = texts.length === 3
    ? texts.map((text) => /^\s*([+-]?\d+)\s*$/.exec(text)?.[1])
    : (/^(\d{4})(\d{2})(\d{2})$/.exec(texts[0]) ?? /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(texts[0].slice(0, 10).replace(/^(\d{4})\/(\d{2})\/(\d{2})$/, "$1-$2-$3")))?.slice(1);
  const hour = texts.length === 1 && parts.includes("hour") ? texts[0].slice(11, 13) || "0" : "0";
  const [year, month, day] = (parsed ?? []).map(Number);
  const date = midnight(year, month, day);
  const isDate = year >= 1 && year <= 9999 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isDate || !/^\d{1,2}$/.test(hour) || Number(hour) > 23) {
    throw new RowError(`Expected a date like 2013-12-31, received “${texts.join(" ")}”.`);
  }
  date.setUTCHours(Number(hour));
  return date;
}

/** Predicts from rows: objects that map column names to texts; a missing value is null. */
export class Rows {
  constructor(networks, facts) {
    this.network = networks.network;
    this.facts = facts;
    this.missing = new Set(facts.missing);
    this.missingNumbers = new Set(facts.missing_numbers);
    this.codes = facts.categorical.map((column) => new Map(column.categories.map((category, index) => [category, index + 1])));
  }

  /** Return `{outputs: [{name, value}], unknown: [column]}`: the outputs, and the columns with an unknown category. */
  async predict(row) {
    const { inputs, unknown } = this.encoded(row);
    const { output } = await this.network.run(inputs);
    return { outputs: this.facts.outputs.map((name, index) => ({ name, value: output.values[index] })), unknown };
  }

  encoded(row) {
    const all = { ...row };
    for (const calendar of this.facts.calendars) {
      const texts = calendar.columns.map((name) => this.text(row[name]));
      const moment = texts.includes(null) ? null : momentOf(texts, calendar.parts);
      for (const part of calendar.parts) all[`${calendar.name}_${part}`] = moment && PARTS[part](moment);
    }
    const unknown = [];
    const codes = this.facts.categorical.map((column, index) => {
      const text = this.text(all[column.name]);
      const code = text === null ? 0 : this.codes[index].get(text) ?? 0;
      if (text !== null && !code) unknown.push(column.name);
      return code;
    });
    for (const cross of this.facts.crosses ?? []) codes.push(cross.known[cross.columns.map((column) => codes[column]).join(" ")] ?? 0);
    const numbers = this.facts.numeric.map((column) => (this.number(all[column.name], column.name) - column.mean) / column.std);
    const inputs = { categorical: { values: codes, shape: [1, codes.length] }, numeric: { values: numbers, shape: [1, numbers.length] } };
    return { inputs, unknown };
  }

  text(value) {
    const text = value === undefined || value === null ? null : String(value).trim();
    return text === null || this.missing.has(text) ? null : text;
  }

  number(value, name) {
    const text = this.text(value);
    if (text === null || this.missingNumbers.has(text)) return NaN;
    if (/^[+-]?(inf(inity)?|nan)$/i.test(text)) return NaN;
    const number = numberOf(text, typeof value === "string" ? this.facts.decimal : ".");
    if (Number.isNaN(number)) throw new RowError(`${name}: expected a number, received “${text}”.`);
    return Number.isFinite(number) ? number : NaN;
  }
}
