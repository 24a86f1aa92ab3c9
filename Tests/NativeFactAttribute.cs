namespace AiChat.Tests;

/// <summary>A test that needs a process of its own (kill -9, exit codes): skipped unless the native executable is under test.</summary>
internal sealed class NativeFactAttribute : FactAttribute
{
    public NativeFactAttribute() => Skip = Needs.Native;
}

/// <summary>As <see cref="NativeFactAttribute"/>, with several cases.</summary>
internal sealed class NativeTheoryAttribute : TheoryAttribute
{
    public NativeTheoryAttribute() => Skip = Needs.Native;
}

/// <summary>As <see cref="NativeFactAttribute"/>, with PostgreSQL.</summary>
internal sealed class NativePostgresFactAttribute : FactAttribute
{
    public NativePostgresFactAttribute() => Skip = Needs.Native ?? new PostgresFactAttribute().Skip;
}

internal static class Needs
{
    public static string? Native => TestServer.Binary is null ? "Needs the native executable (AICHAT_TEST_BINARY)." : null;
}
