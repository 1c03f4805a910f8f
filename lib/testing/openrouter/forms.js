'use strict';

// What a model, or the gateway in front of it, makes of a completion that is otherwise right. Each form changes `completion`
// (the answer as an object) and gives true when it did harm: a plain text cannot lose a part of its JSON.

const PROVIDER_ERROR = {
  code: 502,
  message: 'Provider returned error',
  metadata: { provider_name: 'Sandbox', raw: 'upstream connect error or disconnect/reset before headers' },
};

const first = (completion) => completion.choices[0];

function content(completion, text, reason = 'stop') {
  first(completion).message.content = text;
  first(completion).finish_reason = reason;
  return true;
}

/** Changes the list of texts inside a structured answer; false where there is none. */
function changeParts(completion, change) {
  let value;
  try {
    value = JSON.parse(first(completion).message.content);
  } catch {
    return false;
  }
  const name = Object.keys(value ?? {}).find((one) => Array.isArray(value[one]));
  if (name === undefined || value[name].length === 0) return false;
  const before = JSON.stringify(value[name]);
  value[name] = change(value[name]);
  if (JSON.stringify(value[name]) === before) return false;
  return content(completion, JSON.stringify(value));
}

const textOf = (part) => (typeof part === 'string' ? part : part.text);
const withText = (part, text) => (typeof part === 'string' ? text : { ...part, text });

const FORMS = {
  /** OpenRouter's: the status was sent before the provider failed. */
  'error-in-body': (completion) => {
    for (const name of Object.keys(completion)) delete completion[name];
    completion.error = PROVIDER_ERROR;
    return true;
  },
  'error-in-choice': (completion) => {
    first(completion).error = PROVIDER_ERROR;
    return content(completion, '', 'error');
  },
  'empty-choices': (completion) => {
    completion.choices = [];
    return true;
  },
  'null-content': (completion) => content(completion, null),
  'empty-content': (completion) => content(completion, ' \n'),
  'short-content': (completion) => content(completion, ' Hi! \n'),
  'cut-off': (completion) => {
    const { content: text } = first(completion).message;
    return content(completion, text.slice(0, Math.ceil(text.length / 2)), 'length');
  },
  filtered: (completion) => content(completion, '', 'content_filter'),
  refusal: (completion) => {
    first(completion).message.refusal = "I'm sorry, I cannot assist with that request.";
    return content(completion, null);
  },
  'no-usage': (completion) => {
    delete completion.usage;
    return true;
  },
  'no-cost': (completion) => {
    delete completion.usage.cost;
    delete completion.usage.cost_details;
    return true;
  },
  'not-json': (completion) => content(completion, 'Sure! Here is the text in parts, as you asked.'),
  'fenced-json': (completion) => content(completion, `\`\`\`json\n${first(completion).message.content}\n\`\`\``),
  'other-schema': (completion) => content(completion, '{"result":{"messages":[1,2,null]}}'),
  'lost-part': (completion) => changeParts(completion, (parts) => parts.slice(0, -1)),
  'other-words': (completion) =>
    changeParts(completion, (parts) => parts.map((part) => withText(part, `${textOf(part)} indeed`))),
  'other-order': (completion) => changeParts(completion, (parts) => parts.toReversed()),
  'one-long-part': (completion) =>
    changeParts(completion, (parts) => [withText(parts[0], parts.map(textOf).join(' ').padEnd(5000, ' and so on'))]),
};

module.exports = { FORMS };
