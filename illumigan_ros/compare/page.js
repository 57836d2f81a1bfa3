"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const stage = byId("stage"), split = byId("split"), strip = byId("strip");
const sides = { left: byId("side-left"), right: byId("side-right") };
const shown = { moment: 0, left: data.left, right: data.right, boxes: true, attention: false };
const SECONDS_A_MOMENT = 1.6, MOST_HIGH = 0.62; // the latter of the window's height
let timer = null;

const picture = (jpeg) => "data:image/jpeg;base64," + jpeg;

function place(mark, [left, top, right, bottom], kind, label) {
  mark.className = "mark " + kind + (top < 0.06 ? " low" : "");
  Object.assign(mark.style, {
    left: 100 * left + "%", top: 100 * top + "%", width: 100 * (right - left) + "%", height: 100 * (bottom - top) + "%",
  });
  if (label) mark.appendChild(document.createElement("span")).textContent = label;
  return mark;
}

function drawSide(name, other) {
  const moment = data.moments[shown.moment], side = moment.sides[shown[name]];
  const image = sides[name].querySelector("img"), marks = sides[name].querySelector(".marks");
  image.src = picture(side.jpeg);
  image.alt = data.methods[shown[name]] + ", " + moment.name;
  marks.replaceChildren();
  if (shown.boxes) {
    for (const [box, found] of moment.truth) {
      marks.append(place(document.createElement("div"), box, found.includes(shown[name]) ? "found" : "missed", ""));
    }
    for (const [box, label, alone] of side.boxes) {
      marks.append(place(document.createElement("div"), box, alone.includes(shown[other]) ? "alone" : "", label));
    }
  }
  byId("tag-" + name).textContent = data.methods[shown[name]] + (side.unchanged ? " (as it came: " + side.unchanged + ")" : "");
}

function draw() {
  const moment = data.moments[shown.moment], footage = data.footages[moment.footage];
  fit();
  drawSide("left", "right");
  drawSide("right", "left");
  byId("map").src = picture(moment.attention);
  byId("map").hidden = !shown.attention;
  byId("left").value = shown.left;
  byId("right").value = shown.right;
  for (const name of ["boxes", "attention"]) byId(name)?.setAttribute("aria-pressed", shown[name]);
  const where = byId("where"), [gained, lost] = moment.change;
  where.textContent = `${shown.moment + 1} / ${data.moments.length} · ${moment.name}`;
  if (data.footages.length > 1) where.textContent += " · " + footage.name;
  if (gained + lost) {
    const change = where.appendChild(document.createElement("em"));
    change.textContent = ` ${[gained ? gained + " gained" : "", lost ? lost + " lost" : ""].filter(Boolean).join(", ")}`;
  }
  for (const button of strip.querySelectorAll("button")) {
    const isCurrent = Number(button.dataset.moment) === shown.moment;
    button.setAttribute("aria-current", isCurrent);
    if (isCurrent) strip.scrollTo({ left: button.offsetLeft - strip.offsetLeft - (strip.clientWidth - button.clientWidth) / 2 });
  }
  for (const section of document.querySelectorAll(".numbers")) {
    section.hidden = Number(section.dataset.footage) !== moment.footage;
  }
  showValues(moment.footage, moment.frame);
}

function fit() {
  const [width, height] = data.moments[shown.moment].size;
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.width = split.style.width = `min(100%, ${Math.round((window.innerHeight * MOST_HIGH * width) / height)}px)`;
}

function showValues(number, frame) {
  const footage = data.footages[number];
  for (const figure of document.querySelectorAll(`.numbers[data-footage="${number}"] figure`)) {
    const name = figure.dataset.name;
    figure.querySelector(".at").textContent = footage.names[frame];
    figure.querySelector(".cursor").setAttribute("d", `M${footage.across[frame]},0V200`);
    for (const output of figure.querySelectorAll("output")) {
      const value = footage.series[name][output.dataset.method][frame];
      output.textContent = value === null ? "–" : value.toFixed(data.digits[name]);
    }
  }
}

function setSplit(percent) {
  const share = Math.min(100, Math.max(0, percent));
  split.value = share;
  sides.left.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  byId("handle").style.left = share + "%";
}

function step(by) {
  shown.moment = (shown.moment + by + data.moments.length) % data.moments.length;
  draw();
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => step(1), 1000 * SECONDS_A_MOMENT) : null;
  byId("play").textContent = on ? "Pause" : "Play";
  byId("play").setAttribute("aria-label", on ? "Pause" : "Play");
}

function toggle(name) {
  if (!byId(name)) return;
  shown[name] = !shown[name];
  draw();
}

function nearest(footage, event) {
  const area = event.currentTarget.getBoundingClientRect();
  const across = (1000 * (event.clientX - area.left)) / area.width;
  const distances = footage.across.map((x) => Math.abs(x - across));
  return distances.indexOf(Math.min(...distances));
}

stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  moveSplit(event);
});
stage.addEventListener("pointermove", (event) => {
  if (stage.hasPointerCapture(event.pointerId)) moveSplit(event);
});
function moveSplit(event) {
  const area = stage.getBoundingClientRect();
  setSplit((100 * (event.clientX - area.left)) / area.width);
}
split.addEventListener("input", () => setSplit(Number(split.value)));
for (const name of ["left", "right"]) {
  byId(name).addEventListener("change", (event) => {
    shown[name] = Number(event.target.value);
    draw();
  });
}
for (const name of ["boxes", "attention"]) byId(name)?.addEventListener("click", () => toggle(name));
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("play").addEventListener("click", () => play(timer === null));
for (const button of strip.querySelectorAll("button")) {
  const number = Number(button.dataset.moment);
  button.querySelector("img").src = picture(data.moments[number].sides[data.right].jpeg);
  button.addEventListener("click", () => {
    shown.moment = number;
    draw();
  });
}
for (const section of document.querySelectorAll(".numbers")) {
  const number = Number(section.dataset.footage), footage = data.footages[number];
  for (const plot of section.querySelectorAll("svg")) {
    plot.addEventListener("pointermove", (event) => showValues(number, nearest(footage, event)));
    plot.addEventListener("pointerleave", () => showValues(number, data.moments[shown.moment].frame));
    plot.addEventListener("click", (event) => {
      const frame = nearest(footage, event);
      const distance = (moment) => (moment.footage === number ? Math.abs(moment.frame - frame) : Infinity);
      const distances = data.moments.map(distance);
      shown.moment = distances.indexOf(Math.min(...distances));
      draw();
    });
  }
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && event.shiftKey) setSplit(Number(split.value) + 2 * by);
  else if (by) step(by);
  else if (event.key === " " && !event.target.matches("button")) play(timer === null);
  else if (event.key === "a") toggle("attention");
  else if (event.key === "b") toggle("boxes");
  else return;
  event.preventDefault();
});
window.addEventListener("resize", fit);
setSplit(50);
draw();
