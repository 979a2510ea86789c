import { describe } from 'node:test'
import { memoryPair } from './memory-session.ts'
import { serviceCases } from './service-cases.ts'

describe('services on a session in memory', () => serviceCases(memoryPair))
