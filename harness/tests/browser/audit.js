// Looks at the page as a reader would: what can be read, what can be pressed, what sticks out. Findings go to the page
// around this one.
const found = [];
const channels = (color) => color.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => {
  const linear = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const contrast = (a, b) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = channels(getComputedStyle(at).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return channels(getComputedStyle(document.body).backgroundColor);
};
// Text of the picture stands on the last box drawn before it that contains it.
const svgGround = (text) => {
  const box = text.getBBox();
  let color = ground(text.ownerSVGElement);
  for (const shape of text.ownerSVGElement.querySelectorAll("rect, circle")) {
    if (!(shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
    const area = shape.getBBox();
    const inside = box.x >= area.x - 3 && box.y >= area.y - 3 && box.x + box.width <= area.x + area.width + 3 && box.y + box.height <= area.y + area.height + 3;
    const fill = getComputedStyle(shape).fill;
    if (inside && fill !== "none") color = channels(fill);
  }
  return color;
};
const label = (element) => `${element.tagName}.${element.getAttribute("class") || ""}`;
for (const details of document.querySelectorAll("details")) details.open = true;

const button = [...document.querySelectorAll(".grid button")].find((b) => b.title.includes("pod-to-pod-ip") && b.textContent.includes("rejected"));
button.click();
const detail = document.getElementById(button.getAttribute("popovertarget"));
if (detail.matches(":popover-open")) found.push(`opened=${detail.querySelector("strong").textContent}`);

const faint = new Set();
for (const element of document.body.querySelectorAll("*")) {
  const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!own || element.tagName === "SCRIPT" || element.closest("title, desc") || !element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const svg = element instanceof SVGElement;
  const ratio = contrast(channels(svg ? style.fill : style.color), svg ? svgGround(element) : ground(element));
  if (ratio < 4.5) faint.add(`faint=${label(element)} ${ratio.toFixed(2)}`);
}
found.push(...faint);

detail.querySelector(".close").click();
found.push(`closed=${!detail.matches(":popover-open")}`);

for (const element of document.querySelectorAll("button, a, summary, [role=dialog], [role=region], [role=img]")) {
  const named = element.textContent.trim() || element.getAttribute("aria-label");
  if (!named) found.push(`nameless=${label(element)}`);
}
const width = document.documentElement.clientWidth;
const wide = new Set();
for (const element of document.body.querySelectorAll("*")) {
  if (element.closest(".scroll, .skip, thead") || element.tagName === "SCRIPT" || !element.checkVisibility()) continue;
  const box = element.getBoundingClientRect();
  if (box.right > width + 1) wide.add(`overflow=${label(element)} ${Math.round(box.right)}>${width}`);
}
if (document.documentElement.scrollWidth > width) wide.add(`overflow=page ${document.documentElement.scrollWidth}>${width}`);
found.push(...wide);
found.push(`scheme=${matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"}`);
found.push(`width=${innerWidth}`);
parent.postMessage(`audit ${found.join(";")}`, "*");
