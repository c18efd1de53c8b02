// What Latchkey seals, opened and sealed anew with the key of LATCHKEY_SECRET (see src/crypto/seal.rs).
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const CIPHER = "chacha20-poly1305";
const NONCE = Buffer.alloc(12);
const OPTIONS = { authTagLength: 16 };

// `secret` as in LATCHKEY_SECRET, `purpose` as in src/crypto/keys.rs, without what they all begin with.
export function sealing(secret, purpose) {
  const [id, key] = secret.split(":");
  const cipherKey = (salt) =>
    Buffer.from(hkdfSync("sha256", Buffer.from(key, "base64url"), salt, `latchkey/1/${purpose}`, 32));
  return {
    // A key id, a salt, the ciphertext and its tag.
    open(sealed) {
      const bytes = Buffer.from(sealed, "base64url");
      const decipher = createDecipheriv(CIPHER, cipherKey(bytes.subarray(1, 17)), NONCE, OPTIONS);
      decipher.setAuthTag(bytes.subarray(-16));
      return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(17, -16)), decipher.final()]));
    },
    seal(value) {
      const salt = randomBytes(16);
      const cipher = createCipheriv(CIPHER, cipherKey(salt), NONCE, OPTIONS);
      const text = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final()]);
      return Buffer.concat([Buffer.from([Number(id)]), salt, text, cipher.getAuthTag()]).toString("base64url");
    },
  };
}
