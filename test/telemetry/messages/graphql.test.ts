import 'reflect-metadata';
import {
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Module,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Args,
  Field,
  GqlExecutionContext,
  GraphQLModule,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { of } from 'rxjs';
import { TelemetryInterceptor } from '../../../src/telemetry/telemetry.interceptor';
import type { TelemetryModuleOptions } from '../../../src/telemetry/telemetry.options';
import { Recorder } from '../instrument/recorder';
import { PlainGraphqlDriver } from './graphql-driver';

jest.setTimeout(30_000);

let recorder: Recorder;
let application: INestApplication | undefined;

beforeEach(() => {
  recorder = new Recorder();
});

afterEach(async () => {
  await application?.close();
  application = undefined;
  recorder.stop();
});

@ObjectType()
class Book {
  @Field(() => Int)
  id!: number;
  @Field()
  title!: string;
}

@Injectable()
class Reader implements CanActivate {
  canActivate(context: ExecutionContext) {
    return GqlExecutionContext.create(context).getArgs().id !== 13;
  }
}

@Resolver(() => Book)
class BookResolver {
  @Query(() => Book)
  @UseGuards(Reader)
  book(@Args('id', { type: () => Int }) id: number) {
    return { id };
  }
  @Query(() => [Int])
  ids() {
    return of([1, 2]);
  }
  @Mutation(() => Boolean)
  burn(): boolean {
    throw new RangeError('we do not burn books');
  }
  @ResolveField()
  title(@Parent() { id }: Book) {
    return `Volume ${id}`;
  }
}

async function start(
  options: TelemetryModuleOptions = { instrument: { kinds: ['resolvers', 'guards'] } },
  fieldResolverEnhancers: 'interceptors'[] = [],
  resolver: new () => object = BookResolver,
) {
  @Module({
    imports: [
      recorder.explorers(options),
      GraphQLModule.forRoot({ driver: PlainGraphqlDriver, autoSchemaFile: true, fieldResolverEnhancers }),
    ],
    providers: [resolver],
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  application = app;
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/graphql`;
  return async (query: string, variables?: object) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    return (await answer.json()) as { data: unknown; errors?: { message: string }[] };
  };
}

test('an operation is a span named for its field, with what the resolvers do below it', async () => {
  const ask = await start();
  expect(await ask('query Favourite($id: Int!) { book(id: $id) { id title } ids }', { id: 7 })).toEqual({
    data: { book: { id: 7, title: 'Volume 7' }, ids: [1, 2] },
  });
  expect([...recorder.tree()].sort()).toEqual(
    [
      'Reader.canActivate',
      'graphql.query book',
      '  BookResolver.book',
      'graphql.query ids',
      '  BookResolver.ids',
      'BookResolver.title',
    ].sort(),
  );
  expect(recorder.span('graphql.query book').attributes).toEqual({
    'graphql.operation.type': 'query',
    'graphql.operation.name': 'Favourite',
    'graphql.field.name': 'book',
    'code.function.name': 'BookResolver.book',
  });
});

test('nothing of what users have typed into the document is in a span', async () => {
  const ask = await start();
  await ask('{ book(id: 4711) { id } }');
  expect(
    JSON.stringify(recorder.ended.map(({ name, attributes, events }) => [name, attributes, events])),
  ).not.toContain('4711');
});

test('an error is the operation’s', async () => {
  const ask = await start();
  expect((await ask('mutation { burn }')).errors?.[0]?.message).toBe('we do not burn books');
  expect(recorder.tree()).toEqual(['graphql.mutation burn !RangeError', '  BookResolver.burn !RangeError']);
});

test('fields have spans where the application has interceptors for fields', async () => {
  @Resolver(() => Book)
  @UseInterceptors(TelemetryInterceptor)
  class FieldsResolver {
    @Query(() => Book)
    book() {
      return { id: 1 };
    }
    @ResolveField()
    title() {
      return 'a title';
    }
  }
  const ask = await start({}, ['interceptors'], FieldsResolver);
  expect(await ask('{ book { title } }')).toEqual({ data: { book: { title: 'a title' } } });
  expect(recorder.tree()).toEqual(['graphql.query book', 'graphql.field Book.title']);
});

test('operations are not traced where messages are not', async () => {
  const ask = await start({ messages: false });
  await ask('{ ids }');
  expect(recorder.names()).toEqual([]);
});
