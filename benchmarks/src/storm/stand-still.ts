import { spawn } from 'node:child_process'

/** SIGSTOP, and SIGCONT after so many seconds: by a shell, which does so also when this process is killed meanwhile. */
export const standStill = (pid: number, seconds: number): Promise<void> => new Promise(resolve => {
  spawn('sh', ['-c', 'kill -STOP "$1"; sleep "$2"; kill -CONT "$1"', 'sh', String(pid), String(seconds)], { stdio: 'ignore' }).once('exit', () => resolve()).once('error', () => resolve())
})
