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

/// <summary>As <see cref="NativeFactAttribute"/>, of programs that run as other users.</summary>
internal sealed class NativeRootFactAttribute : FactAttribute
{
    public NativeRootFactAttribute() => Skip = Needs.Native ?? Needs.Root;
}

/// <summary>A test that gives files to other users, which only root may.</summary>
internal sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = Needs.Root;
}

internal static class Needs
{
    public static string? Root => Environment.UserName == "root" ? null : "Needs root, to give files to or to become another user.";

    public static string? Native => TestServer.Binary is null ? "Needs the native executable (AICHAT_TEST_BINARY)." : null;
}
