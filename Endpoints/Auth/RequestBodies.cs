using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Http.Metadata;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// A request body with a deadline, whose bytes in memory are counted. At its end they are released, unless <see cref="Keep"/> was called.
/// </summary>
/// <param name="body">The stream of Kestrel.</param>
/// <param name="lease">Null for an upload that goes to a file.</param>
internal sealed class ArrivingBody(Stream body, BodyLease? lease, TimeSpan limit, TimeProvider clock, CancellationToken gone) : Stream
{
    private CancellationTokenSource? _deadline;
    private CancellationTokenSource? _ends;
    private long _received;
    private bool _kept;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>What was read stays in memory and counted until the request ends.</summary>
    public void Keep() => _kept = true;

    /// <summary>Reserves memory for what will be received.</summary>
    /// <exception cref="BodyRefusedException">The budget is used up.</exception>
    public void Reserve(long bytes)
    {
        if (lease?.Grow(bytes) is { } refused)
        {
            throw new BodyRefusedException(refused);
        }
    }

    /// <exception cref="BodyRefusedException">The budget is used up, or the body takes too long.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _deadline ??= new CancellationTokenSource(limit, clock);
        _ends ??= CancellationTokenSource.CreateLinkedTokenSource(_deadline.Token, gone);
        int count;
        try
        {
            using var linked = cancellationToken.CanBeCanceled && cancellationToken != gone
                ? CancellationTokenSource.CreateLinkedTokenSource(_ends.Token, cancellationToken) : null;
            count = await body.ReadAsync(buffer, linked?.Token ?? _ends.Token);
        }
        catch (OperationCanceledException) when (_deadline.IsCancellationRequested && !gone.IsCancellationRequested)
        {
            throw new BodyRefusedException(new Problem(408, "request_timeout", "The request took too long to arrive."));
        }

        _received += count;
        if (count == 0 && !_kept && buffer.Length > 0)
        {
            lease?.Dispose();
        }

        if (count > 0)
        {
            Reserve(_received);
        }

        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>The request ended. Not <see cref="Stream.Dispose()"/>, because a reader may dispose the stream it was given.</summary>
    public void End()
    {
        lease?.Dispose();
        _ends?.Dispose();
        _deadline?.Dispose();
    }
}

internal static class RequestBodiesExtensions
{
    /// <summary>A body that arrives more slowly over its whole length is refused; a minute is added for latency.</summary>
    private const double MinBytesPerSecond = 128 * 1024;

    /// <summary>
    /// Comes after access control, which resolves the user. Routes with the default limit are left alone, and so are bodies that say that
    /// they are as small: their bytes are not counted, and the least rate of Kestrel bounds their time.
    /// </summary>
    public static void UseBodyBudget(this WebApplication app)
    {
        var budget = app.Services.GetRequiredService<BodyBudget>();
        var clock = app.Services.GetRequiredService<TimeProvider>();
        app.Use((context, next) =>
        {
            var limit = context.GetEndpoint()?.Metadata.GetMetadata<IRequestSizeLimitMetadata>()?.MaxRequestBodySize ?? 0;
            return limit > WebServer.DefaultBody && !(context.Request.ContentLength <= BodyBudget.Uncounted)
                ? Counted(context, next, limit) : next(context);
        });

        async Task Counted(HttpContext context, RequestDelegate next, long limit)
        {
            var toFile = context.GetEndpoint()!.Metadata.GetMetadata<UploadMetadata>() is not null;
            var declared = context.Request.ContentLength <= limit ? context.Request.ContentLength : null;
            var person = context.Features.Get<CurrentUser>() is { IsVisitor: false } user ? $"user {user.Id}" : context.Client().Bucket;
            var lease = toFile ? null : new BodyLease(budget, person, declared);
            var time = TimeSpan.FromMinutes(1) + TimeSpan.FromSeconds(limit / MinBytesPerSecond);
            var body = new ArrivingBody(context.Request.Body, lease, time, clock, context.RequestAborted);
            context.Request.Body = body;
            try
            {
                await next(context);
            }
            finally
            {
                body.End();
            }
        }
    }
}
