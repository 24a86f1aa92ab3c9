using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Nodes;

/// <summary>
/// Signs requests of one process to another with a key that follows from the master key, which all on a database share. A signature holds
/// for one method, path and user, for half a minute and once. Thread-safe.
/// </summary>
internal sealed class NodeSigner(SecretCipher cipher, TimeProvider clock)
{
    public const string Header = "X-AiChat-Node";

    /// <summary>By how much the clocks of two machines may differ.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(30);

    /// <summary>More than a process is asked in that time; then nothing is taken until some are over.</summary>
    private const int MaxNonces = 200_000;

    private readonly ConcurrentDictionary<string, long> _used = new(StringComparer.Ordinal);
    private long _prunedAt;

    /// <summary>The value of the header.</summary>
    /// <param name="path">With its query.</param>
    /// <param name="userId">In whose name; 0 is nobody.</param>
    public string Sign(string method, string path, long userId)
    {
        var time = clock.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        return $"{time}.{nonce}.{cipher.Sign(SecretPurpose.Nodes, Text(method, path, userId, time, nonce))}";
    }

    /// <summary>Whether a process with the same master key has made this request, now and for the first time.</summary>
    public bool Takes(string? header, string method, string path, long userId)
    {
        if (header is null || header.Split('.') is not [{ Length: <= 16 } time, { Length: 32 } nonce, { Length: <= 64 } signature]
            || !long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out var at))
        {
            return false;
        }

        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (Math.Abs(now - at) > Tolerance.TotalMilliseconds
            || !cipher.Verify(SecretPurpose.Nodes, Text(method, path, userId, time, nonce), signature))
        {
            return false;
        }

        Prune(now);
        return _used.Count < MaxNonces && _used.TryAdd(nonce, at);
    }

    /// <summary>Proves an answer: it belongs to the request with this header.</summary>
    public string Answer(string header, string text) => cipher.Sign(SecretPurpose.Nodes, $"answer\n{header}\n{text}");

    public bool IsAnswer(string header, string text, string signature) =>
        cipher.Verify(SecretPurpose.Nodes, $"answer\n{header}\n{text}", signature);

    private void Prune(long now)
    {
        var last = Interlocked.Read(ref _prunedAt);
        if (now - last < Tolerance.TotalMilliseconds || Interlocked.CompareExchange(ref _prunedAt, now, last) != last)
        {
            return;
        }

        foreach (var old in _used.Where(old => now - old.Value > 2 * Tolerance.TotalMilliseconds))
        {
            _used.TryRemove(old);
        }
    }

    private static string Text(string method, string path, long userId, string time, string nonce) =>
        string.Create(CultureInfo.InvariantCulture, $"request\n{method}\n{path}\n{userId}\n{time}\n{nonce}");
}
