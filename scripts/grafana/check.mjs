// Checks dashboards against the types that Grafana publishes of its own schema
// (@grafana/schema): node check.mjs FILE.json ... in a folder with that package and
// typescript. TypeScript refuses keys that the schema does not have, values of other
// types, and what is missing.
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { createRequire } from 'node:module';

const ts = createRequire(resolve('check.cjs'))('typescript');
const types = 'node_modules/@grafana/schema/dist/types';
const place = resolve('checked');
mkdirSync(place, { recursive: true });

// JSON has texts where TypeScript has enums.
const plain = (text) =>
  text.replace(/export declare enum (\w+) \{([^}]*)\}/g, (_, name, body) => {
    const values = [...body.replace(/\/\*[^]*?\*\//g, '').matchAll(/= ("[^"]*"|-?\d+)/g)];
    return `export type ${name} = ${values.map((value) => value[1]).join(' | ')};`;
  });
for (const [name, file] of [
  ['dashboard', `${types}/raw/dashboard/x/types.gen.d.ts`],
  ['common', `${types}/common/common.gen.d.ts`],
]) {
  writeFileSync(`${place}/${name}.d.ts`, plain(readFileSync(file, 'utf8')));
}

const files = process.argv.slice(2).map((file) => {
  const dashboard = JSON.parse(readFileSync(file, 'utf8'));
  const custom = dashboard.panels.map((panel) => panel.fieldConfig?.defaults?.custom ?? {});
  const queries = dashboard.panels.flatMap((panel) => panel.targets);
  const text = `import type { Dashboard, Panel } from './dashboard';
import type { DataQuery, GraphFieldConfig } from './common';
interface PrometheusQuery extends DataQuery { expr: string }
export const dashboard: Dashboard & { panels: Panel[] } = ${JSON.stringify(dashboard)};
export const custom: GraphFieldConfig[] = ${JSON.stringify(custom)};
export const queries: PrometheusQuery[] = ${JSON.stringify(queries)};
`;
  const checked = `${place}/${basename(file, '.json')}.ts`;
  writeFileSync(checked, text);
  return checked;
});
const program = ts.createProgram(files, { strict: true, noEmit: true, skipLibCheck: true });
const found = ts.getPreEmitDiagnostics(program);
const host = { getCurrentDirectory: () => place, getNewLine: () => '\n', getCanonicalFileName: (f) => f };
process.stdout.write(ts.formatDiagnostics(found, host));
process.exit(found.length === 0 && files.length > 0 ? 0 : 1);
