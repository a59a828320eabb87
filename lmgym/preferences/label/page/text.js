// Shows what models wrote: as text and as nothing else.

/** Puts a visible text ([pieces, number of characters left out]) into an element. */
export function showText(element, [pieces, numLeftOut]) {
  const nodes = pieces.map(([text, isSign]) => (isSign ? makeSign(text) : document.createTextNode(text)));
  if (pieces.length === 0 && numLeftOut === 0) nodes.push(makeNote("empty"));
  if (numLeftOut > 0) nodes.push(makeNote(`${numLeftOut.toLocaleString("en")} more characters are not shown`));
  element.replaceChildren(...nodes);
  element.scrollTop = 0;
}

function makeSign(text) {
  const sign = document.createElement("span");
  sign.className = "sign";
  sign.textContent = text;
  return sign;
}

export function makeNote(text) {
  const note = document.createElement("em");
  note.className = "note";
  note.textContent = text;
  return note;
}

/** Returns the number of words of a visible text, in words. */
export function describeSize([pieces, numLeftOut]) {
  let numWords = 0;
  for (const [text, isSign] of pieces) if (!isSign) numWords += text.match(/\S+/gu)?.length ?? 0;
  if (numLeftOut > 0) return `more than ${numWords.toLocaleString("en")} words`;
  return numWords === 1 ? "1 word" : `${numWords.toLocaleString("en")} words`;
}

const NAMES = { system: "System", user: "User", assistant: "Assistant" };

/** Puts a conversation into an element, its end in sight. */
export function showConversation(element, messages, numLeftOut) {
  const nodes = messages.map(({ role, text }) => {
    const message = document.createElement("div");
    message.className = `message ${role}`;
    const name = document.createElement("h3");
    name.textContent = NAMES[role];
    const content = document.createElement("div");
    content.className = "text";
    content.dir = "auto";
    showText(content, text);
    message.append(name, content);
    return message;
  });
  if (numLeftOut > 0) nodes.unshift(makeNote(`${numLeftOut} earlier messages are not shown`));
  element.replaceChildren(...nodes);
  element.scrollTop = element.scrollHeight;
}
