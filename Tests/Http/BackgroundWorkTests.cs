using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using AiChat.Commands;
using AiChat.Data;
using AiChat.Data.Runs;
using AiChat.Data.Engine;
using AiChat.Data.Sqlite;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Tests.Chat;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Http;

/// <summary>Background work survives its own exceptions, and a process that they do end never exits with 0.</summary>
public sealed class BackgroundWorkTests
{
    private static readonly string[] Loops =
    [
        "asking providers for their models", "check of the database", "heartbeats", "imports", "removal of expired data",
        "storing running answers", "storing task traces", "taking an answer's text", "the hourly removal",
        "the imports of the last process", "the schedule of backups", "titles",
    ];

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Each_loop_goes_on_after_an_exception()
    {
        var turns = new ConcurrentDictionary<string, int>();
        var errors = new ErrorLog();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "begun");
            await Eventually.Holds(() => Loops.All(name => turns.GetValueOrDefault(name) > 1));
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Configure = builder =>
            {
                builder.Logging.AddProvider(errors);
                builder.Services.Replace(ServiceDescriptor.Singleton(all =>
                {
                    var background = ActivatorUtilities.CreateInstance<BackgroundWork>(all);
                    background.Turning += name =>
                    {
                        if (turns.AddOrUpdate(name, 1, (_, count) => count + 1) == 1)
                        {
                            throw new InvalidOperationException("thrown in " + name);
                        }
                    };
                    return background;
                }));
            },
        });
        var admin = await server.RegisterAdminAsync();
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });

        var answer = await admin.AskAndWait(await admin.NewSession(await admin.Connect(upstream)), "go");

        Assert.Equal("begun", answer.Text("content"));
        Assert.Equal(Loops, turns.Keys.Order(StringComparer.Ordinal));
        Assert.All(Loops, name => Assert.Contains(errors.Said, line => line.Contains("thrown in " + name, StringComparison.Ordinal)));
        await (await server.Client().GetAsync("/api/health")).Expect(HttpStatusCode.OK);
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Text_is_stored_again_after_its_file_failed_for_a_while()
    {
        var (more, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        var errors = new ErrorLog();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "first ");
            await more.Task;
            await OpenAiScript.Piece(exchange, "second");
            await end.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Configure = builder => builder.Logging.AddProvider(errors) });
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var text = server.Services.GetRequiredService<ILiveText>();
        text.Dispose();
        await using var stream = await admin.Ask(session, "go");
        await Eventually.Holds(() => errors.Said.Any(line => line.Contains("ObjectDisposed", StringComparison.Ordinal)));

        text.Begin(server.Services.GetRequiredService<RunRegistry>().BootId);
        more.SetResult();

        await Eventually.Holds(() => string.Concat(ChatSteps.StoredText(server).Select(chunk => chunk.Value)) == "first second");
        end.SetResult();
        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Event);
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task The_removal_goes_on_after_a_failure_that_nobody_foresaw()
    {
        var errors = new ErrorLog();
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Configure = builder => builder.Logging.AddProvider(errors) });
        var retention = server.Services.GetRequiredService<Retention>();
        Execute(server, "alter table doomed_files rename to doomed_files_away");
        retention.Wake();
        await Eventually.Holds(() => errors.Said.Any(line => line.Contains("no such table", StringComparison.Ordinal)));
        Execute(server, "alter table doomed_files_away rename to doomed_files");

        var ran = new TaskCompletionSource();
        retention.Ran += _ => ran.TrySetResult();
        retention.Wake();

        await ran.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(server.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task What_fails_is_tried_again_after_a_growing_pause()
    {
        var clock = new FakeTimeProvider();
        var errors = new ErrorLog();
        using var logs = LoggerFactory.Create(logging => logging.AddProvider(errors));
        var background = new BackgroundWork(clock, logs.CreateLogger<BackgroundWork>());
        var turns = 0;
        using var stop = new CancellationTokenSource();
        var loop = background.Repeat(
            "a loop", () => ++turns > 3 ? Task.FromResult(false) : throw new InvalidOperationException("no"), stop.Token);

        for (var turn = 2; turn <= 4; turn++)
        {
            var waited = TimeSpan.Zero;
            await Eventually.Holds(() =>
            {
                if (turns >= turn)
                {
                    return true;
                }

                clock.Advance(BackgroundWork.FirstPause / 2);
                waited += BackgroundWork.FirstPause / 2;
                return false;
            });
            Assert.True(waited >= BackgroundWork.FirstPause * Math.Pow(2, turn - 2), $"turn {turn} after {waited}");
        }

        await loop;
        Assert.Equal(3, errors.Said.Count);
        background.Try("a timer", () => throw new InvalidOperationException("no"));
        background.Forget("a task", Task.FromException(new InvalidOperationException("no")));
        Assert.Equal(5, errors.Said.Count);
        Assert.Contains(errors.Said, line => line.Contains("a task", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_service_that_failed_ends_the_process_with_a_code()
    {
        using var failed = new Failing();
        await failed.StartAsync(default);
        await Eventually.Holds(() => failed.ExecuteTask!.IsFaulted);
        Assert.Equal(StartupException.Software, ServeCommand.CodeOf([failed]));
        using var fine = new Fine();
        await fine.StartAsync(default);
        await fine.StopAsync(default);
        Assert.Equal(0, ServeCommand.CodeOf([fine]));
    }

    [Fact]
    public async Task Tasks_that_nobody_awaited_are_logged()
    {
        var errors = new ErrorLog();
        using var logs = LoggerFactory.Create(logging => logging.AddProvider(errors));
        using var unobserved = new UnobservedTasks(new BackgroundWork(TimeProvider.System, logs.CreateLogger<BackgroundWork>()));
        Drop();
        await Eventually.Holds(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return errors.Said.Any(line => line.Contains("dropped here", StringComparison.Ordinal));
        });

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Drop() => _ = Task.FromException(new InvalidOperationException("dropped here"));
    }

    [Fact]
    public async Task What_the_writer_did_not_expect_ends_its_writing_and_is_told()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("aichat-test-").FullName, "app.db");
        try
        {
            using var writer = new DbWriter(SqliteConnections.OpenWriter(path), path);
            var broken = new TaskCompletionSource<Exception>();
            writer.Broken += error => broken.TrySetResult(error);
            writer.Enqueue(new BadItem());

            Assert.Equal("not expected", (await broken.Task.WaitAsync(TimeSpan.FromSeconds(20))).Message);
            var after = new WriteItem<bool>(_ => true, WriteOrder.Ordinary);
            writer.Enqueue(after);
            Assert.Equal(StoreFailure.Unavailable, (await Assert.ThrowsAsync<StoreException>(() => after.Task)).Failure);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    [NativeFact]
    public async Task A_moment_without_descriptors_does_not_end_the_process()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var crowd = Enumerable.Range(0, 12).Select(_ => server.Client(IPAddress.Parse("127.0.0.9"))).ToList();
        await Task.WhenAll(crowd.Select(client => client.GetAsync("/api/health")));

        await LimitFiles(server, "8:4096");
        await Task.WhenAll(
            Enumerable.Range(0, 12).Select(_ => Task.WhenAny(admin.DeleteAsync("/api/sessions/1"), Task.Delay(3_000))));
        await LimitFiles(server, "4096:4096");

        await Eventually.Holds(async () => (await admin.GetAsync("/api/auth/me")).StatusCode == HttpStatusCode.OK);
        await (await admin.PostJson("/api/sessions", new { })).Expect(HttpStatusCode.Created);
        await server.StopAsync();
        Assert.Equal(0, server.ExitCode);
    }

    private static async Task LimitFiles(TestServer server, string limit)
    {
        var id = server.ProcessId.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start("prlimit", ["--pid", id, $"--nofile={limit}"]);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private static DbConnection Open(TestServer server)
    {
        var connection = TestStore.Open(server.DataDir);
        return connection;
    }

    private static void Execute(TestServer server, string sql)
    {
        using var connection = Open(server);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private sealed class Failing : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
            Task.FromException(new InvalidOperationException("on purpose"));
    }

    private sealed class Fine : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);
    }

    private sealed class BadItem() : WriteItem(WriteOrder.Ordinary, null)
    {
        public override bool Run(DbConnection connection, Func<Exception, Exception> translate) => true;

        public override void Complete() => throw new InvalidOperationException("not expected");

        public override void Fail(Exception error)
        {
        }

        public override Exception? Error => null;
    }
}

/// <summary>The warnings and errors that a server logs.</summary>
internal sealed class ErrorLog : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> Said { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Said.Enqueue($"{formatter(state, exception)} {exception}");
        }
    }

    public void Dispose()
    {
    }
}
