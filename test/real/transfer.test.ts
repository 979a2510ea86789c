import { describe, it } from 'node:test'

import { ATTACHMENTS, type Attachment, type AttachmentKind, type AttachOptions, attach } from './attachment.ts'
import { asClient, asServer, fromEnv, MIB } from './exchange.ts'
import { labUnavailable } from './netns.ts'

/** Each way; 1024 for the full check. */
const AMOUNT = fromEnv('GOTCP_TEST_MIB', 32) * MIB
/** Each way over a faulty wire. */
const FAULTY_AMOUNT = fromEnv('GOTCP_TEST_FAULTY_MIB', 2) * MIB
const FAULTS = { loss: 0.05, reorder: 0.02, duplicate: 0.01, corrupt: 0.01, seed: fromEnv('GOTCP_TEST_SEED', 1) }
const LIMIT = { timeout: fromEnv('GOTCP_TEST_TIMEOUT_S', 120) * 1000 }

async function on(
  kind: AttachmentKind,
  options: AttachOptions,
  work: (attachment: Attachment) => Promise<void>,
): Promise<void> {
  const attachment = attach(kind, options)
  try {
    await work(attachment)
  } finally {
    attachment.close()
  }
}

for (const kind of ATTACHMENTS) {
  describe(`a transfer with the kernel, ${kind}`, { skip: labUnavailable() }, () => {
    it('arrives byte by byte when we send, when the kernel sends, and both ways at once', LIMIT, () =>
      on(kind, {}, async (attachment) => {
        await asClient(attachment, { up: AMOUNT, down: 0 })
        await asClient(attachment, { up: 0, down: AMOUNT })
        await asServer(attachment, { up: AMOUNT, down: AMOUNT })
      }),
    )

    it('arrives byte by byte over a wire that loses, reorders, doubles and damages', LIMIT, () =>
      on(kind, { faults: FAULTS }, async (attachment) => {
        await asClient(attachment, { up: FAULTY_AMOUNT, down: FAULTY_AMOUNT })
        await asServer(attachment, { up: FAULTY_AMOUNT, down: FAULTY_AMOUNT })
      }),
    )
  })
}
