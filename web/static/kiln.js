// Life, and nothing else: every page says all it knows without this file.
"use strict";
document.documentElement.classList.add("js");

// "/" goes to the search field, as in many places.
addEventListener("keydown", (e) => {
	if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName))
		return;
	e.preventDefault();
	(document.querySelector(".logfind") || document.getElementById("find")).focus();
});

// A live page fetches itself when a database has changed, and replaces those
// parts that came out other than they are.
const main = document.getElementById("main");
if (main && main.dataset.changes && window.EventSource) {
	let busy = false, again = false;
	const look = async () => {
		if (busy || document.hidden) {
			again = true;
			return;
		}
		busy = true;
		again = false;
		try {
			const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
			if (answer.ok) {
				const page = new DOMParser().parseFromString(await answer.text(), "text/html");
				for (const fresh of page.querySelectorAll("main [data-live]")) {
					const old = document.getElementById(fresh.id);
					if (old && !old.contains(document.activeElement) && old.innerHTML !== fresh.innerHTML)
						old.replaceWith(document.adoptNode(fresh));
				}
			}
		} catch { /* the next change tries again */ }
		busy = false;
		if (again)
			setTimeout(look, 1000);
	};
	const source = new EventSource(main.dataset.changes);
	source.addEventListener("change", look);
	addEventListener("visibilitychange", () => again && look());
	addEventListener("pagehide", () => source.close());
}

// A log: grows while its build runs, and can be searched.
for (const log of document.querySelectorAll(".log")) {
	const pre = log.querySelector("pre"), find = log.querySelector(".logfind"), hits = log.querySelector(".loghits");
	const follow = log.querySelector(".logfollow");
	let ranges = [], here = -1;

	const mark = () => {
		ranges = [];
		const want = find.value.toLowerCase();
		if (want && window.Highlight) {
			const walk = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
			for (let node; (node = walk.nextNode()) && ranges.length < 5000;) {
				const text = node.data.toLowerCase();
				for (let at = text.indexOf(want); at !== -1; at = text.indexOf(want, at + want.length)) {
					const range = new Range();
					range.setStart(node, at);
					range.setEnd(node, at + want.length);
					ranges.push(range);
				}
			}
		}
		CSS.highlights?.set("found", new Highlight(...ranges));
		here = -1;
		hits.textContent = want ? `${ranges.length} found` : "";
	};
	const step = (by) => {
		if (!ranges.length)
			return;
		here = (here + by + ranges.length) % ranges.length;
		CSS.highlights.set("here", new Highlight(ranges[here]));
		const box = ranges[here].getBoundingClientRect(), frame = pre.getBoundingClientRect();
		pre.scrollTop += box.top - frame.top - frame.height / 2;
		hits.textContent = `${here + 1} of ${ranges.length}`;
	};
	find.addEventListener("input", mark);
	find.addEventListener("keydown", (e) => {
		if (e.key === "Enter") {
			e.preventDefault();
			step(e.shiftKey ? -1 : 1);
		}
	});
	if (!pre.dataset.stream || !window.EventSource)
		continue;
	const end = () => follow && follow.checked && (pre.scrollTop = pre.scrollHeight);
	const source = new EventSource(pre.dataset.stream);
	source.addEventListener("log", (e) => {
		for (const [cls, text] of JSON.parse(e.data)) {
			const span = document.createElement("span");
			span.className = cls;
			span.textContent = text;
			pre.append(span);
		}
		end();
	});
	source.addEventListener("end", () => {
		source.close();
		setTimeout(() => location.reload(), 1500);
	});
	addEventListener("pagehide", () => source.close());
	end();
}
