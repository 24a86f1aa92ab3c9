namespace AiChat.Providers.Transport;

/// <summary>The memory that the lines of replies may take, all of them together.</summary>
/// <param name="Take">Takes that of one line of the greatest length, until it is disposed of; null when none becomes free in time.</param>
internal sealed record LineMemory(Func<CancellationToken, ValueTask<IDisposable?>> Take);
