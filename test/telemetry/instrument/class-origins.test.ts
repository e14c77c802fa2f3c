import 'reflect-metadata';
import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { mixin, ParseIntPipe, ValidationPipe } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Queue } from 'bullmq';
import { ApplicationClasses } from '../../../src/telemetry/instrument/application-classes';
import { type Class, ClassOrigins, extendedBy, hasGivenName } from '../../../src/telemetry/instrument/class-origins';
import { InstrumentRegistry } from '../../../src/telemetry/instrument/instrument-registry';
import Till, { Shop } from './apps/exported-classes';

class Local extends Shop {}
class Unreachable {}

function packagesOf(classes: readonly unknown[], askV8: boolean): unknown[] {
  const origins = new ClassOrigins();
  origins.learn(classes as Class[], askV8);
  return classes.map((type) => origins.packageOf(type as Class));
}

describe('the package of a class', () => {
  test('is that of the file that exports it, and V8 need not be asked', () => {
    const classes = [
      Shop,
      Till,
      ParseIntPipe,
      ModulesContainer,
      Queue,
      InstrumentRegistry,
      Map,
      EventEmitter,
      Transform,
    ];
    const packages = ['', '', '@nestjs/common', '@nestjs/core', 'bullmq', 'spanwright', 'node', 'node', 'node'];
    expect(packagesOf(classes, false)).toEqual(packages);
  });

  test('is not the application’s that only exports it again', () => {
    expect(packagesOf([ValidationPipe], false)).toEqual(['@nestjs/common']);
  });

  test('is known by V8 where no file exports the class', () => {
    expect(packagesOf([Local, Unreachable], false)).toEqual([undefined, undefined]);
    expect(packagesOf([Local, Unreachable, ...extendedBy(Local)], true)).toEqual(['', '', '']);
  });

  test('is found, whatever other modules have for exports', () => {
    expect(() => Object.keys(require('./apps/unwilling.cjs'))).toThrow('do not look at me');
    expect(() => require('./apps/unwilling-getter.cjs').Shop).toThrow('nor at me');
    expect(packagesOf([Shop], false)).toEqual(['']);
  });
});

test('a class of Nest’s `mixin` has no name to call a span by', () => {
  expect(hasGivenName(mixin(class {}) as unknown as Class)).toBe(false);
  expect(hasGivenName(Shop)).toBe(true);
  expect(hasGivenName((() => class {})())).toBe(false);
});

test('an application that is in one file with its libraries cannot be told from them', () => {
  expect(new ApplicationClasses(Shop, ModulesContainer).learn([Shop])).toEqual([]);
  const bundled = new ApplicationClasses(Shop, Local);
  expect(bundled.learn([Shop])).toEqual([Shop]);
  expect(bundled.has(Shop.prototype)).toBe(false);
});

describe('an application of ES modules', () => {
  function run(args: string[], include?: string) {
    const program = join(__dirname, 'apps/es-module.mjs');
    const hook = join(__dirname, '../export/typescript.cjs');
    return spawnSync(process.execPath, [...args, '--require', hook, program, ...(include ? [include] : [])], {
      encoding: 'utf8',
    });
  }

  test('has its own classes traced, and no others', () => {
    const { stdout, stderr } = run([]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([
      'provider Jobs.run',
      'guard Guard.canActivate',
      'controller ShopController.open',
    ]);
  });

  test('has what a factory made traced by name', () => {
    expect(JSON.parse(run([], 'Client,Jobs,Reflector').stdout)).toEqual(['provider Jobs.run', 'provider Client.ask']);
  });

  test('in a Node that does not let V8 be asked has those traced that are named, and is told so', () => {
    const flags = process.allowedNodeEnvironmentFlags;
    const permission = flags.has('--permission') ? '--permission' : '--experimental-permission';
    const args = [
      permission,
      '--allow-fs-read=*',
      '--allow-fs-write=*',
      '--allow-child-process',
      '--allow-addons',
      '--allow-worker',
    ];
    const all = run(args);
    expect(all.stderr).toContain('traced: Jobs, Guard, ShopController');
    expect(JSON.parse(all.stdout)).toEqual([]);
    expect(JSON.parse(run(args, 'Jobs,Reflector').stdout)).toEqual(['provider Jobs.run']);
  });
});
