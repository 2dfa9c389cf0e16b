// Sends a request byte by byte as a file has it, and reads the answer.

import { readFile } from "node:fs/promises";
import { connect } from "node:net";

/** The answer to the request in `file`, sent to `server` on a connection of its own. */
export async function play(file, server) {
  const request = await readFile(file);
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(request));
    socket.setEncoding("utf8");
    socket.once("error", reject);
    socket.on("data", (text) => {
      answer += text;
      const [head, body] = answer.split("\r\n\r\n");
      const length = /^content-length: (\d+)$/im.exec(head);
      if (body === undefined || length === null || Buffer.byteLength(body) < Number(length[1])) return;
      socket.destroy();
      resolve({ status: Number(head.split(" ")[1]), json: JSON.parse(body) });
    });
    socket.once("close", () => reject(new Error(`the connection closed after: ${answer}`)));
  });
}
