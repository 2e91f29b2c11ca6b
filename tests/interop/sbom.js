// sbom.js FOLDER: every *.spdx.json and *.cdx.json there.  CycloneDX is judged
// by that project's own strict validator.  No package of the registry judges
// SPDX 2.3: ajv does, by the clauses of the specification that are written
// down here, and nothing else is allowed.
"use strict";
const fs = require("fs");
const path = require("path");
const Ajv = require("ajv");
const formats = require("ajv-formats");
const { Validation, Spec } = require("@cyclonedx/cyclonedx-library");
const { PackageURL } = require("packageurl-js");

const folder = process.argv[2];

const id = { type: "string", pattern: "^SPDXRef-[A-Za-z0-9.-]+$" }; // 6.3, 7.2
const text = { type: "string", minLength: 1 };
const object = (properties, optional = []) => ({ type: "object", properties, additionalProperties: false,
	required: Object.keys(properties).filter((k) => !optional.includes(k)) });
const list = (items) => ({ type: "array", items, minItems: 1 });
const spdx_schema = formats(new Ajv({ allErrors: true })).compile(object({
	spdxVersion: { const: "SPDX-2.3" }, // 6.1
	dataLicense: { const: "CC0-1.0" }, // 6.2
	SPDXID: { const: "SPDXRef-DOCUMENT" },
	name: text,
	documentNamespace: { type: "string", format: "uri", pattern: "^[^#]+$" }, // 6.5
	creationInfo: object({
		created: { type: "string", format: "date-time", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$" }, // 6.9
		creators: list({ type: "string", pattern: "^(Person|Organization|Tool): .+$" }) }), // 6.8
	packages: list(object({
		SPDXID: id, name: text, versionInfo: text, packageFileName: text,
		downloadLocation: { type: "string", pattern: "^(NONE|NOASSERTION|(git\\+)?https?://\\S+)$" }, // 7.7
		filesAnalyzed: { const: false }, // 7.8: then there is no verification code
		checksums: list(object({ algorithm: { const: "SHA256" },
			checksumValue: { type: "string", pattern: "^[0-9a-f]{64}$" } })), // 7.10
		primaryPackagePurpose: { enum: ["APPLICATION", "FRAMEWORK", "LIBRARY", "CONTAINER", "OPERATING-SYSTEM", "DEVICE",
			"FIRMWARE", "SOURCE", "ARCHIVE", "FILE", "INSTALL", "OTHER"] }, // 7.24
		externalRefs: list(object({ referenceCategory: { enum: ["SECURITY", "PACKAGE-MANAGER", "PERSISTENT-ID", "OTHER"] },
			referenceType: { const: "purl" }, referenceLocator: { type: "string", pattern: "^pkg:" } })), // 7.21
	}, ["versionInfo", "packageFileName", "externalRefs"])),
	relationships: list(object({ spdxElementId: id, relatedSpdxElement: id,
		relationshipType: { enum: ["DESCRIBES", "CONTAINS", "GENERATED_FROM", "BUILD_DEPENDENCY_OF"] } })), // 11.1
}));
const cyclonedx = new Validation.JsonStrictValidator(Spec.Version.v1dot5);

let passed = 0, failed = 0;
const check = (what, problems) => {
	console.log(`${problems.length ? "not ok" : "ok"} ${what}`);
	for (const p of problems.slice(0, 8))
		console.log(`    ${p}`);
	problems.length ? failed++ : passed++;
};

// What a schema cannot say: each end of an edge is there, each id once.
const spdx_rules = (d) => {
	const ids = d.packages.map((p) => p.SPDXID).concat(d.SPDXID);
	const known = new Set(ids);
	const wrong = known.size === ids.length ? [] : ["an id twice"];
	for (const r of d.relationships)
		for (const end of [r.spdxElementId, r.relatedSpdxElement])
			if (!known.has(end))
				wrong.push(`nothing is called ${end}`);
	for (const p of d.packages) {
		if (!p.checksums || !/^[0-9a-f]{64}$/.test(p.checksums[0].checksumValue))
			wrong.push(`${p.SPDXID} has no hash`);
		for (const r of p.externalRefs || [])
			if (PackageURL.fromString(r.referenceLocator).version !== p.versionInfo)
				wrong.push(`${p.SPDXID}: ${r.referenceLocator}`);
	}
	if (!d.relationships.some((r) => r.relationshipType === "CONTAINS"))
		wrong.push("nothing is in the image");
	return wrong;
};
const spdx = (d) => spdx_schema(d) ? spdx_rules(d) : spdx_schema.errors.map((e) => `${e.instancePath} ${e.message}`);
const cdx = async (text) => {
	const wrong = await cyclonedx.validate(text);
	return wrong === null ? [] : wrong.map((e) => `${e.instancePath} ${e.message}`);
};

(async () => {
	const files = fs.readdirSync(folder).sort();
	const spdxs = files.filter((f) => f.endsWith(".spdx.json")), cdxs = files.filter((f) => f.endsWith(".cdx.json"));

	check("there are SBOMs to look at", spdxs.length > 0 && spdxs.length === cdxs.length ? [] : [`${spdxs.length}, ${cdxs.length}`]);
	for (const f of spdxs) {
		const d = JSON.parse(fs.readFileSync(path.join(folder, f)));
		const kernel = f.startsWith("kernel");

		check(`${f} is SPDX 2.3: ${d.packages.length} packages, ${d.relationships.length} relationships`,
			spdx(d).filter((p) => !kernel || p !== "nothing is in the image"));
		d.packages[0].primaryPackagePurpose = "PORRIDGE";
		if (!spdx(d).length)
			check(`${f} with a wrong word is none`, ["the schema took it"]);
	}
	for (const f of cdxs) {
		const text = fs.readFileSync(path.join(folder, f), "utf8");
		const d = JSON.parse(text);
		const of = JSON.parse(fs.readFileSync(path.join(folder, f.replace(".cdx.", ".spdx."))));
		const hashes = (list) => list.map((h) => h.join()).sort().join("\n");

		check(`${f} is CycloneDX 1.5: ${d.components.length} components`, await cdx(text));
		check(`${f} has the hashes of its SPDX`, hashes(d.components.map((c) => c.hashes.map((h) => h.content))) ===
			hashes(of.packages.map((p) => p.checksums.map((c) => c.checksumValue))) ? [] : ["it has others"]);
		d.components[0].porridge = 1;
		if (!(await cdx(JSON.stringify(d))).length)
			check(`${f} with a key more is none`, ["the validator took it"]);
	}
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
})().catch((e) => {
	console.log(`not ok ${e.stack}`);
	console.log(`${passed} passed, ${failed + 1} failed`);
	process.exit(1);
});
