import { describe } from 'node:test'
import { livePair } from './live-pair.ts'
import { serviceCases } from './service-cases.ts'

describe('services on a session over three connections', () => serviceCases(livePair))
