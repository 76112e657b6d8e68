// Verifies an ML-DSA-44 signature (FIPS 204, empty context) for verify.py:
// reads {"public","message","signature"} in hexadecimal, exits 0 when it fits,
// 1 when it does not, 3 without @noble/post-quantum. NODE_MODULES names a
// node_modules folder that has it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

let ml_dsa44;
try {
  const from = process.env.NODE_MODULES ? pathToFileURL(process.env.NODE_MODULES + '/x.js') : import.meta.url;
  const entry = createRequire(from).resolve('@noble/post-quantum/ml-dsa.js');
  ({ ml_dsa44 } = await import(pathToFileURL(entry)));
} catch (e) {
  console.error(String(e));
  process.exit(3);
}
const hex = (s) => new Uint8Array(Buffer.from(s, 'hex'));
const ask = JSON.parse(readFileSync(0, 'utf8'));
let fits = false;
try {
  fits = ml_dsa44.verify(hex(ask.signature), hex(ask.message), hex(ask.public));
} catch {
  // a signature or key of another length
}
process.exit(fits ? 0 : 1);
