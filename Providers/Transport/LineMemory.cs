namespace AiChat.Providers.Transport;

/// <summary>The memory that the lines of replies may take, all of them together.</summary>
/// <param name="Take">
/// Takes that of one line, until it is disposed of; null when none becomes free in time. First it is that of a line of
/// <see cref="ProviderCall.UsualLine"/>; with true it is what a line of <see cref="ProviderCall.MaxLine"/> takes beside.
/// </param>
internal sealed record LineMemory(Func<bool, CancellationToken, ValueTask<IDisposable?>> Take);
