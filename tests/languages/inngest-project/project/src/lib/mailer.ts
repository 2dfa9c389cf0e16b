import { createHash } from "node:crypto";

export interface Mail {
  to: string;
  subject: string;
}

export class Mailer {
  constructor(private readonly runId: string) {}

  /** Stands for a mail service: the id tells the same mail from another. */
  async send(mail: Mail): Promise<{ messageId: string }> {
    const key = `${this.runId}:${mail.to}:${mail.subject}`;
    return { messageId: createHash("sha256").update(key).digest("hex").slice(0, 12) };
  }
}
