// A certificate for 127.0.0.1 that signs itself, made anew for each test: no key lies in the repository, and no program is needed.

import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";

/** One element of DER: a tag, the length, the content. */
function element(tag, ...parts) {
  const content = Buffer.concat(parts);
  const bytes = [];
  for (let length = content.length; length > 0; length >>= 8) bytes.unshift(length & 0xff);
  const length = content.length < 128 ? [content.length] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts) => element(0x30, ...parts);
const integer = (...bytes) => element(0x02, Buffer.from(bytes));
const object = (hex) => element(0x06, Buffer.from(hex, "hex"));
const time = (at) => element(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replace(/[-T:]/g, "")}Z`));

const ECDSA_WITH_SHA256 = sequence(object("2a8648ce3d040302"));
const COMMON_NAME = "550403";
const ALTERNATIVE_NAMES = "551d11";
const DAY_MS = 86_400_000;

/** The certificate and its key, as PEM. */
export function selfSigned() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(element(0x31, sequence(object(COMMON_NAME), element(0x0c, Buffer.from("127.0.0.1")))));
  const validity = sequence(time(new Date(Date.now() - DAY_MS)), time(new Date(Date.now() + DAY_MS)));
  const address = sequence(element(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = element(0xa3, sequence(sequence(object(ALTERNATIVE_NAMES), element(0x04, address))));
  const version = element(0xa0, integer(2));
  const serial = integer(1, ...randomBytes(8));
  const keys = publicKey.export({ type: "spki", format: "der" });
  const body = sequence(version, serial, ECDSA_WITH_SHA256, name, validity, name, keys, extensions);
  const signature = createSign("sha256").update(body).sign(privateKey);
  const whole = sequence(body, ECDSA_WITH_SHA256, element(0x03, Buffer.from([0]), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g).join("\n");
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}
