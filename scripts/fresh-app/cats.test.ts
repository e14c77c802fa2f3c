/* What was traced, without sending anything. */
import 'reflect-metadata';
import { equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { NotFoundException } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TestTelemetry, TestTelemetryModule } from 'spanwright';
import { CatsModule, CatsService } from './cats.js';

test('a cat is found, and it can be seen how', async () => {
  const app = await Test.createTestingModule({
    imports: [TestTelemetryModule.forRoot({ instrument: true }), CatsModule],
  }).compile();
  await app.init();
  const telemetry = app.get(TestTelemetry);

  equal((await app.get(CatsService).find('1')).name, 'Tom the cat');
  telemetry.expectSpan('CatsService.find').toHaveAttributes({ 'cat.id': '1' }).toHaveSucceeded();
  telemetry.expectSpan('CatsRepository.find').toBeChildOf('CatsService.find');
  telemetry.expectSpan('cats.greet').toBeChildOf('CatsService.find');

  telemetry.reset();
  await rejects(app.get(CatsService).find('2'), NotFoundException);
  telemetry.expectSpan('CatsService.find').toHaveFailed('no cat 2');
  telemetry.expectNoLeaks();
  await app.close();
});
