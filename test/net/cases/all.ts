import type { World } from '../worlds.ts'
import { type Case, Scene } from './case.ts'
import { closing } from './closing.ts'
import { connecting } from './connecting.ts'
import { making } from './making.ts'
import { names } from './names.ts'
import { serving } from './serving.ts'
import { tls } from './tls.ts'
import { transfer } from './transfer.ts'

/** Every case by group. */
export const CASES: Readonly<Record<string, readonly Case[]>> = {
  making,
  connecting,
  names,
  transfer,
  closing,
  serving,
  tls,
}

/** Plays a case in a world; what each party saw. */
export async function play(world: World, run: Case[1]): Promise<Readonly<Record<string, readonly string[]>>> {
  const scene = new Scene(world)
  try {
    await run(scene)
    await scene.over()
  } finally {
    scene.close()
  }
  // What follows a close is part of it.
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (const party of scene.unordered) scene.log.forget(party)
  return scene.log.entries
}
